"""One result as a file: a figure as SVG, PNG or PDF, a token strip as SVG, the data of each as CSV."""

from app.drawing.shown import Figure, Shown, Strips
from app.drawing.strip_svg import as_svg
from engine.errors import UserError
from engine.tables import as_csv

FORMATS = {
    "Figure": {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf", "csv": "text/csv"},
    "Strips": {"svg": "image/svg+xml", "csv": "text/csv"},
    "Table": {"csv": "text/csv"},
}
WIDTH = 860


def picture(shown: Figure, kind: str) -> bytes:
    """A figure in the light theme as `svg`, `png` or `pdf`, 860 px wide (the PNG at three times that).

    Raises:
        UserError: there is no Chromium or Chrome, which draws it.
    """
    import plotly.graph_objects as go

    made = go.Figure(shown.figure)
    made.update_layout(template="plotly_white", width=WIDTH, margin={"t": 50})
    try:
        return bytes(made.to_image(format=kind, scale=3 if kind == "png" else 1))
    except Exception as problem:  # Kaleido raises many kinds; all mean that no browser could be used.
        raise UserError(
            f"The picture could not be drawn ({type(problem).__name__}): it takes Chromium or Chrome on this machine."
            " Install one, or use the camera in the figure's own corner."
        ) from None


def file_of(shown: Shown, kind: str) -> bytes:
    """A result in one of its `FORMATS`.

    Raises:
        UserError: as `picture`.
    """
    if kind == "csv":
        return as_csv(shown.table()).encode("utf-8-sig")
    if isinstance(shown, Strips):
        return as_svg(shown).encode()
    assert isinstance(shown, Figure)
    return picture(shown, kind)
