"""The token strip: tokens side by side, as escaped HTML."""

from collections.abc import Sequence
from html import escape

from plotly.colors import sample_colorscale, unlabel_rgb

from app.drawing.figures import AMOUNT, SERIES


def _chip(colour: str, text: str, title: str, faded: bool, mark: str = "", mark_colour: str = "") -> str:
    red, green, blue = unlabel_rgb(colour)
    ink = "#111" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#fff"
    style = f"background:{colour};color:{ink};border:1px solid rgba(136,136,136,.4);border-radius:4px;padding:2px 5px;margin:2px 1px;display:inline-block"
    style += ";font-style:italic;font-size:85%" if faded else ""
    chip = f'<span data-token style="{style}" title="{escape(title)}">{escape(text)}</span>'
    if not mark_colour:
        return chip
    below = f'<span data-mark style="font-size:70%;line-height:1.3;padding:0 4px;border-top:4px solid {mark_colour}">{escape(mark) or "&nbsp;"}</span>'
    return f'<span style="display:inline-flex;flex-direction:column;align-items:center;vertical-align:top">{chip}{below}</span>'


def _mark_colours(marks: Sequence[str]) -> list[str]:
    """A colour for each kind of mark: B-PER and I-PER are of one kind, a change (A → B) is of the last kind that is not O."""
    told = [[part for part in mark.split(" → ") if part != "O"] or [""] for mark in marks]
    kinds = [parts[-1].removeprefix("B-").removeprefix("I-") for parts in told]
    different = sorted({kind for kind in kinds if kind})
    return [SERIES[different.index(kind) % len(SERIES)] if kind in different else "transparent" for kind in kinds]


def token_strip(
    tokens: Sequence[str],
    values: Sequence[float],
    largest: float,
    titles: Sequence[str],
    faded: Sequence[bool] = (),
    legend: str = "‖δ‖",
    unit: str = "embedding units",
    marks: Sequence[str] = (),
) -> str:
    """Tokens side by side, each on a ground as dark as its value; every text in it is escaped.

    Args:
        largest: the value of the darkest ground, kept the same where strips are to be compared.
        faded: special tokens, drawn smaller. legend, unit: what the ground means; legend "" draws none.
        marks: a word below each token, under a bar in the colour of its kind.
    """
    shares = [min(1.0, value / largest) if largest else 0.0 for value in values]
    colours = sample_colorscale(AMOUNT, shares) if shares else []
    plain = [("", "")] * len(tokens)
    chips = "".join(
        _chip(colour, token, title, dim, *mark)
        for colour, token, title, dim, mark in zip(
            colours, tokens, titles, faded or [False] * len(tokens),
            list(zip(marks, _mark_colours(marks), strict=True)) or plain, strict=True,
        )
    )  # fmt: skip
    strip = f'<div style="line-height:2.1;font-size:1.15rem">{chips}</div>'
    if not legend:
        return strip
    ramp = ",".join(sample_colorscale(AMOUNT, [place / 8 for place in range(9)]))
    return strip + (
        '<div style="display:flex;align-items:center;gap:8px;font-size:80%;margin-top:8px">'
        f"<span>{escape(legend)} 0</span>"
        f'<span style="width:180px;height:10px;border-radius:5px;background:linear-gradient(to right,{ramp})"></span>'
        f"<span>{largest:.3g} {escape(unit)}</span></div>"
    )
