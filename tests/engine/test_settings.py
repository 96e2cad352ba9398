"""Settings: bounds, conversion of text, help of inherited fields."""

import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from engine.errors import UserError, known
from engine.settings import CONFIG, Settings


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class Base(Settings):
    radius: float | None = Field(default=1.0, ge=0)
    """The radius."""
    name: str = ""
    """A name."""


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class Child(Base):
    steps: int = Field(default=3, ge=1, le=5)
    """How many."""


def test_text_is_converted_and_none_means_none_only_where_allowed():
    made = Child.parse({"radius": "none", "steps": "2", "name": ""})
    assert (made.radius, made.steps, made.name) == (None, 2, "")
    assert Child.parse({"radius": ""}).radius is None
    assert Child.parse(made.as_dict()) == made


def test_help_and_bounds_of_inherited_fields_are_there():
    schema = Child.schema()
    assert list(schema) == ["radius", "name", "steps"]
    assert schema["radius"]["description"] == "The radius."
    assert schema["steps"]["maximum"] == 5


@pytest.mark.parametrize("values", [{"radius": -1}, {"radius": "inf"}, {"steps": 0}, {"steps": 2.5}, {"other": 1}])
def test_what_is_not_allowed_is_named(values):
    with pytest.raises(UserError, match=next(iter(values))) as problem:
        Child.parse(values)
    assert "\n" not in str(problem.value)


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(UserError, match=r"Unknown method 'fgm'. Allowed: pgd, freelb"):
        known("method", "fgm", ["pgd", "freelb"])
    assert known("method", "pgd", ["pgd"]) == "pgd"
