"""A cell of a notebook: a note, and perhaps an analysis with its settings and the result as it was shown."""

import keyword
import math
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from engine.errors import UserError

MOST_TEXT = 100_000


def _finite(value: JsonValue) -> bool:
    if isinstance(value, dict):
        return all(_finite(each) for each in value.values())
    if isinstance(value, list):
        return all(_finite(each) for each in value)
    return not isinstance(value, float) or math.isfinite(value)


class Spec(BaseModel):
    """All that is needed to make a result again and to draw it.

    Attributes:
        analysis: its name in the catalogue.
        view: its name among the app's views of the analysis.
        subjects: name shown → reference (see `engine.subjects.references`).
        values: the analysis's settings.
        options: the view's.
        query: the address of the page that it was seen on, by parameter.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    analysis: str = Field(max_length=80)
    view: str = Field(max_length=80)
    subjects: dict[str, str] = Field(default_factory=lambda: {"": ""}, max_length=32)
    values: dict[str, JsonValue] = Field(default_factory=dict)
    options: dict[str, JsonValue] = Field(default_factory=dict)
    query: dict[str, str] = Field(default_factory=dict)

    @field_validator("values", "options")
    @classmethod
    def _names(cls, given: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Their names become those of arguments in exported code: nothing else may stand there."""
        for name, value in given.items():
            if not name.isidentifier() or keyword.iskeyword(name) or not name.isascii():
                raise ValueError(f"{name[:40]!r} is no name of a setting")
            if not _finite(value):
                raise ValueError(f"{name} is not a finite number")
        return given


class Content(BaseModel):
    """What a cell holds; also how it stands in an exported file.

    Attributes:
        note: Markdown.
        answer: Markdown that unfolds when asked for.
        spec: None for a cell of text only.
        shown: the result as it was shown (see `app.drawing.shown`), None before the first run.
        facts: fingerprints of model and data, `seconds` it took, what the last run again found.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    note: str = Field("", max_length=MOST_TEXT)
    answer: str = Field("", max_length=MOST_TEXT)
    spec: Spec | None = None
    shown: dict[str, Any] | None = None
    facts: dict[str, JsonValue] = Field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """A cell as it stands in the database. `folded`: its title alone is shown."""

    id: int
    notebook: int
    content: Content
    created: float
    folded: bool = False


@dataclass(frozen=True)
class Notebook:
    """A notebook's row. Times are seconds since 1970."""

    id: int
    name: str
    created: float
    changed: float
    cells: int = field(default=0)


def content_from(document: Any) -> Content:
    """A cell's content from plain JSON of any origin.

    Raises:
        UserError: it is none.
    """
    try:
        return Content.model_validate(document)
    except ValidationError as problem:
        first = problem.errors()[0]
        at = ".".join(map(str, first["loc"]))
        raise UserError(f"This is not a cell of a notebook: {at}: {first['msg'][:120]}.") from None
