"""How each analysis is drawn: every figure, token strip and table of the app by its analysis and a name.

A view takes the results by the names of what was looked at, and options; it returns a `Shown` and touches no page, so
that a page, a notebook's cell, an exported file and a Jupyter notebook draw the same thing.
"""

from typing import Any

from app.shown import Shown
from app.views import ascent, models, robust, runs, words
from app.views.base import VIEWS, View
from engine.errors import known

__all__ = ["VIEWS", "View", "ascent", "draw", "models", "robust", "runs", "view_of", "words"]


def view_of(analysis: str, view: str) -> View:
    """A view by its analysis and name.

    Raises:
        UserError: there is none.
    """
    known(f"view of {analysis}", view, [name for of, name in VIEWS if of == analysis])
    return VIEWS[analysis, view]


def draw(analysis: str, view: str, results: Any, **options: Any) -> Shown:
    """Draw a result, or several by name.

    Args:
        results: what `analyse` returned, or a dict of that by name where the view lays several over one another.
    """
    return view_of(analysis, view).draw(results, **options)
