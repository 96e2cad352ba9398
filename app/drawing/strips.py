"""Token strips: tokens side by side on grounds as dark as their values; as JSON, as escaped HTML, and for the browser."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from app.drawing.jsonable import jsonable
from app.drawing.tokens import mark_colours, ramp, token_strip

SCRIPT = Path(__file__).with_name("strip.js")
STYLE_SHEET = Path(__file__).with_name("strip.css")


@dataclass(frozen=True)
class Frame:
    """What a strip shows at one ascent step. `marks`, `titles`: as a strip's, where they change with the step."""

    values: Sequence[float]
    marks: Sequence[str] = ()
    titles: Sequence[str] = ()


@dataclass(frozen=True)
class Strip:
    """Tokens side by side.

    Attributes:
        values: `[L]`, of the step that is shown. titles: what is said of each token besides.
        faded: special tokens. heading: what stands above, plain text. marks: a word below each token.
        frames: of every ascent step, the start first; none where there are no steps.
    """

    tokens: Sequence[str]
    values: Sequence[float]
    titles: Sequence[str]
    faded: Sequence[bool] = ()
    heading: str = ""
    marks: Sequence[str] = ()
    frames: Sequence[Frame] = ()

    def frame(self, step: int | None) -> Frame:
        """What is shown at a step; None: at the last."""
        return _at(self.frames, step) if self.frames else Frame(self.values, self.marks)

    def colours(self) -> dict[str, str]:
        """A colour for every mark of any step."""
        every = [mark for frame in self.frames or [self.frame(None)] for mark in frame.marks]
        return dict(zip(every, mark_colours(every), strict=True))


def _at(frames: Sequence[Frame], step: int | None) -> Frame:
    return frames[-1 if step is None else max(0, min(step, len(frames) - 1))]


def stepped(
    frames: Sequence[Frame], step: int | None, tokens: Sequence[str], titles: Sequence[str], **rest: Any
) -> Strip:
    """A strip with its steps, drawn at one of them (None: the last)."""
    at = _at(frames, step)
    return Strip(tokens, at.values, titles, marks=at.marks, frames=frames, **rest)


@dataclass(frozen=True)
class Strips:
    """Token strips on one scale, from 0 to `largest`; the legend stands below the last.

    Attributes:
        step: the ascent step that is shown, where strips have frames; None: the last.
        said: of every step, in words.
        chosen: the place of a token that stands out.
    """

    strips: list[Strip]
    largest: float
    legend: str = "‖δ‖"
    unit: str = "embedding units"
    step: int | None = None
    said: Sequence[str] = ()
    chosen: int | None = None

    @property
    def last(self) -> int:
        """The last ascent step; 0 without steps."""
        return max(0, *(len(each.frames) - 1 for each in self.strips)) if self.strips else 0

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"kind": "strips", **jsonable(asdict(self))}

    def table(self) -> pd.DataFrame:
        """One row per token."""
        rows = [
            (each.heading, place, token, value, *each.marks[place : place + 1])
            for each in self.strips
            for place, (token, value) in enumerate(zip(each.tokens, each.values, strict=True))
        ]
        marked = ["mark"] if any(each.marks for each in self.strips) else []
        return pd.DataFrame(rows, columns=["strip", "place", "token", self.legend or "value", *marked])

    def payload(self) -> dict[str, Any]:
        """What strip.js draws: every step of every strip."""
        made = {
            "largest": self.largest, "legend": self.legend, "unit": self.unit, "said": self.said, "colours": ramp(),
            "strips": [_played(each) for each in self.strips],
        }  # fmt: skip
        return dict(jsonable(made))

    def parts(self) -> Iterator[tuple[str, str]]:
        """(heading, escaped HTML) of every strip, at the step that is shown."""
        for place, each in enumerate(self.strips):
            legend = self.legend if place == len(self.strips) - 1 else ""
            titles = each.frame(self.step).titles or each.titles
            if len(each.frames) > 1:
                at = self.last if self.step is None else self.step
                said = [
                    f"{token}: {self.legend} = {value:.4g} at step {at}"
                    for token, value in zip(each.tokens, each.values, strict=True)
                ]
                titles = [f"{amount}; {more}" if more else amount for amount, more in zip(said, titles, strict=True)]
            yield (
                each.heading,
                token_strip(
                    each.tokens, each.values, self.largest, titles, each.faded, legend, self.unit, each.marks, self.chosen
                ),
            )  # fmt: skip

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(heading)}</p>{strip}" for heading, strip in self.parts())


def _played(strip: Strip) -> dict[str, Any]:
    frames = strip.frames or [Frame(strip.values, strip.marks)]
    colours = strip.colours()
    return {
        "tokens": strip.tokens, "titles": strip.titles, "heading": strip.heading,
        "faded": strip.faded or [False] * len(strip.tokens),
        "frames": [
            {"values": frame.values, "titles": frame.titles or None, "marks": [(mark, colours[mark]) for mark in frame.marks]}
            for frame in frames
        ],
    }  # fmt: skip


def strips_from(document: dict[str, Any]) -> Strips:
    """What was kept, to be shown again.

    Raises:
        KeyError, TypeError, ValueError: it is not what `document` makes.
    """
    strips = []
    for each in document["strips"]:
        tokens, values = _texts(each["tokens"]), _numbers(each["values"])
        frames = [
            Frame(_numbers(one["values"]), _texts(one.get("marks", ())), _texts(one.get("titles", ())))
            for one in each.get("frames", ())
        ]
        faded = [bool(fade) for fade in each["faded"]] or [False] * len(tokens)
        made = Strip(
            tokens, values, _texts(each["titles"]), faded, str(each["heading"]), _texts(each.get("marks", ())), frames
        )
        same = [made.values, made.titles, made.faded, *(frame.values for frame in frames)]
        some = [made.marks, *(part for frame in frames for part in (frame.marks, frame.titles))]
        if any(len(part) != len(tokens) for part in same) or any(part and len(part) != len(tokens) for part in some):
            raise ValueError("A strip's parts differ in length.")
        strips.append(made)
    step, chosen = (None if document.get(name) is None else max(0, int(document[name])) for name in ("step", "chosen"))
    return Strips(
        strips, float(document["largest"] or 0.0), str(document["legend"]), str(document["unit"]),
        step, _texts(document.get("said", ())), chosen,
    )  # fmt: skip


def _texts(values: Sequence[Any]) -> list[str]:
    return [str(value) for value in values]


def _numbers(values: Sequence[Any]) -> list[float]:
    return [float(value or 0.0) for value in values]
