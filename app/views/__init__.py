"""How each analysis is drawn: its figures, token strips and tables, in the file of its name.

A view takes a result (or several, by the names of what was looked at) and options; it returns a `Shown` and touches no page,
so that a page, a notebook's cell, an exported file and a Jupyter notebook draw the same thing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.drawing.shown import Shown
from engine.errors import known
from engine.registry import Registry


@dataclass(frozen=True)
class View:
    """A way to draw an analysis. `title`: for people; `several`: takes {name: result}."""

    draw: Callable[..., Shown]
    title: str
    several: bool = False


@dataclass(frozen=True)
class Views:
    """The views of one analysis, and where they stand.

    Attributes:
        name: the analysis's. page: its page. part: which of that page's views, where it is not the first.
        several_models: whether several can be chosen there. names: what a setting is called in the page's address, where that
            is not its own name. prefix: of a method's settings there; "": the page and the method.
    """

    name: str
    page: str
    part: str = ""
    several_models: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""
    year: int = 0
    views: dict[str, View] = field(default_factory=dict)

    def __call__(
        self, name: str, title: str, several: bool = False
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register a function as a view of this analysis."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.views[name] = View(function, title, several)
            return function

        return register


VIEWS: Registry[Views] = Registry("analysis", __name__)


def view_of(analysis: str, view: str) -> View:
    """A view by its analysis and name.

    Raises:
        UserError: there is none.
    """
    there = VIEWS.get(analysis).views
    return there[known(f"view of {analysis}", view, list(there))]


def draw(analysis: str, view: str, results: Any, **options: Any) -> Shown:
    """Draw a result, or several by name.

    Args:
        results: what `analyse` returned, or a dict of that by name where the view lays several over one another.
    """
    return view_of(analysis, view).draw(results, **options)
