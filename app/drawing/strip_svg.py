"""Token strips as one SVG file, for papers and slides: text stays text, and nothing in it runs or is fetched."""

from html import escape
from unicodedata import east_asian_width

from app.drawing.figures import SERIES
from app.drawing.strips import Strip, Strips
from app.drawing.tokens import ramp, shade

WIDTH, SIZE, ROW = 860, 16, 26  # Pixels: of the picture, of letters, of a line of tokens.
LETTER = 0.6  # A letter's width in a typewriter font, as a share of its size.
MARKED = 16  # Pixels more where a word stands below each token.


def as_svg(shown: Strips) -> str:
    """The strips at the step that is shown, one below another, with the legend; 860 px wide."""
    parts, y = [], 8
    for strip in shown.strips:
        if strip.heading:
            parts.append(_text(8, y + 14, strip.heading, 14))
            y += 24
        drawn, y = _chips(strip, shown, y)
        parts += drawn
    parts.append(_legend(shown, y))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 34}" viewBox="0 0 {WIDTH} {y + 34}"'
        f' font-family="DejaVu Sans Mono, Noto Sans Mono CJK SC, monospace"><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(parts)}</svg>"
    )


def _chips(strip: Strip, shown: Strips, y: int) -> tuple[list[str], int]:
    """All tokens of a strip, in as many lines as it takes, and where the next strip begins."""
    frame = strip.frame(shown.step)
    marks, faded = frame.marks or [""] * len(strip.tokens), strip.faded or [False] * len(strip.tokens)
    colours = strip.colours()
    x, line, chips = 8.0, ROW + MARKED * any(marks), []
    for place, (token, value, mark, dim) in enumerate(zip(strip.tokens, frame.values, marks, faded, strict=True)):
        size = SIZE - 3 * dim
        width = max(_width(token, size), _width(mark, 11)) + 10
        if x + width > WIDTH - 8 and x > 8:
            x, y = 8.0, y + line
        ground, ink = shade(value, shown.largest)
        edge, thick = (SERIES[0], 3) if place == shown.chosen else ("#888", 0.4)
        chips.append(
            f'<rect x="{x:g}" y="{y}" width="{width:g}" height="22" rx="4" fill="{ground}" stroke="{edge}" stroke-width="{thick}"/>'
            f"{_text(x + 5, y + 16, token, size, ink)}{_text(x + 5, y + 37, mark, 11)}"
        )
        if colours.get(mark, "transparent") != "transparent":
            chips.append(f'<rect x="{x:g}" y="{y + 23}" width="{width:g}" height="3" fill="{colours[mark]}"/>')
        x += width + 3
    return chips, y + line + 8


def _width(text: str, size: float) -> float:
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text) * LETTER * size


def _text(x: float, y: float, text: str, size: float, ink: str = "#111") -> str:
    """A text that is as wide as it was taken to be, whatever the font."""
    if not text:
        return ""
    fit = f' textLength="{_width(text, size):g}" lengthAdjust="spacingAndGlyphs"'
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{ink}"{fit} xml:space="preserve">{escape(text)}</text>'
    )


def _legend(shown: Strips, y: int) -> str:
    if not shown.legend:
        return ""
    if not shown.largest:
        return _text(8, y + 14, f"{shown.legend} is 0 everywhere", 12)
    low, high = f"{shown.legend} 0", f"{shown.largest:.3g} {shown.unit}"
    start = 8 + _width(low, 12) + 8
    steps = ramp()[::4]
    bars = "".join(
        f'<rect x="{start + 180 * place / len(steps):g}" y="{y + 5}" width="{180 / len(steps) + 0.5:g}" height="10" fill="{ground}"/>'
        for place, (ground, _) in enumerate(steps)
    )
    return _text(8, y + 14, low, 12) + bars + _text(start + 188, y + 14, high, 12)
