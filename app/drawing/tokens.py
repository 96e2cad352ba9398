"""A token strip as escaped HTML, and its colours."""

from collections.abc import Sequence
from functools import cache
from html import escape

from plotly.colors import sample_colorscale, unlabel_rgb

from app.drawing.figures import AMOUNT, SERIES

SHADES = 65


def _ink(ground: str) -> str:
    """The colour of text on a ground."""
    red, green, blue = unlabel_rgb(ground)
    return "#111" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#fff"


@cache
def ramp() -> list[tuple[str, str]]:
    """Grounds from nothing to the largest amount, each with its colour of text."""
    grounds = sample_colorscale(AMOUNT, [place / (SHADES - 1) for place in range(SHADES)])
    return [(ground, _ink(ground)) for ground in grounds]


def shade(value: float, largest: float) -> tuple[str, str]:
    """The ground of a value on the scale from 0 to `largest`, and its colour of text."""
    share = max(0.0, min(1.0, value / largest)) if largest else 0.0
    return ramp()[round(share * (SHADES - 1))]


def _chip(
    shaded: tuple[str, str], text: str, title: str, faded: bool, chosen: bool, mark: str = "", mark_colour: str = ""
) -> str:
    ground, ink = shaded
    style = f"background:{ground};color:{ink};border:1px solid rgba(136,136,136,.4);border-radius:4px;padding:2px 5px;margin:2px 1px;display:inline-block"
    style += ";font-style:italic;font-size:85%" if faded else ""
    style += f";outline:3px solid {SERIES[0]}" if chosen else ""
    chip = f'<span data-token style="{style}" title="{escape(title)}">{escape(text)}</span>'
    if not mark_colour:
        return chip
    below = f'<span data-mark style="font-size:70%;line-height:1.3;padding:0 4px;border-top:4px solid {mark_colour}">{escape(mark) or "&nbsp;"}</span>'
    return f'<span style="display:inline-flex;flex-direction:column;align-items:center;vertical-align:top">{chip}{below}</span>'


def mark_colours(marks: Sequence[str]) -> list[str]:
    """A colour for each kind of mark: B-PER and I-PER are of one kind, a change (A → B) is of the last kind that is not O."""
    told = [[part for part in mark.split(" → ") if part != "O"] or [""] for mark in marks]
    kinds = [parts[-1].removeprefix("B-").removeprefix("I-") for parts in told]
    different = sorted({kind for kind in kinds if kind})
    return [SERIES[different.index(kind) % len(SERIES)] if kind in different else "transparent" for kind in kinds]


def told_apart(tokens: Sequence[str]) -> list[str]:
    """Tokens by names of which none occurs twice: "it (1 of 2)", "it (2 of 2)"."""
    return [
        token if tokens.count(token) == 1 else f"{token} ({tokens[: place + 1].count(token)} of {tokens.count(token)})"
        for place, token in enumerate(tokens)
    ]


def token_strip(
    tokens: Sequence[str],
    values: Sequence[float],
    largest: float,
    titles: Sequence[str],
    faded: Sequence[bool] = (),
    legend: str = "‖δ‖",
    unit: str = "embedding units",
    marks: Sequence[str] = (),
    chosen: int | None = None,
) -> str:
    """Tokens side by side, each on a ground as dark as its value; every text in it is escaped.

    Args:
        largest: the value of the darkest ground, kept the same where strips are to be compared.
        faded: special tokens, drawn smaller. legend, unit: what the ground means; legend "" draws none.
        marks: a word below each token, under a bar in the colour of its kind. chosen: the place of one that stands out.
    """
    shades = [shade(value, largest) for value in values]
    plain = [("", "")] * len(tokens)
    chips = "".join(
        _chip(shaded, token, title, dim, place == chosen, *mark)
        for place, (shaded, token, title, dim, mark) in enumerate(
            zip(
                shades, tokens, titles, faded or [False] * len(tokens),
                list(zip(marks, mark_colours(marks), strict=True)) or plain, strict=True,
            )
        )
    )  # fmt: skip
    strip = f'<div style="line-height:2.1;font-size:1.15rem">{chips}</div>'
    if not legend:
        return strip
    if not largest:
        return f'{strip}<div style="font-size:80%;margin-top:8px">{escape(legend)} is 0 everywhere</div>'
    stops = ",".join(ground for ground, _ in ramp()[::8])
    return strip + (
        '<div style="display:flex;align-items:center;gap:8px;font-size:80%;margin-top:8px">'
        f"<span>{escape(legend)} 0</span>"
        f'<span style="width:180px;height:10px;border-radius:5px;background:linear-gradient(to right,{stops})"></span>'
        f"<span>{largest:.3g} {escape(unit)}</span></div>"
    )
