"""The registry of views."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.shown import Shown


@dataclass(frozen=True)
class View:
    """A way to draw an analysis. `title`: for people; `page`: where it stands; `several`: takes {name: result}."""

    draw: Callable[..., Shown]
    title: str
    page: str
    several: bool = False


VIEWS: dict[tuple[str, str], View] = {}


def view(
    analysis: str, name: str, title: str, page: str, several: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as a view."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        VIEWS[analysis, name] = View(function, title, page, several)
        return function

    return register
