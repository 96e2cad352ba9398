"""Settings as dataclasses with bounds and help; CLI flags and widgets are made from them, there is no second list."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import cache
from typing import Any, Self

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from engine.errors import UserError, known

CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


@cache
def _adapter(cls: type) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class Settings:
    """Base of all settings. A field's docstring is its help text, `Field(ge=…)` its bounds."""

    @classmethod
    def names(cls) -> list[str]:
        """The names that may be set."""
        return [each.name for each in fields(cls)]

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Check and convert `values` (text is converted: "0.1", "none", "true").

        Raises:
            UserError: an unknown name, or a value out of bounds; says what is allowed.
        """
        clean = {}
        for name, value in values.items():
            known("setting", name, cls.names())
            empty = isinstance(value, str) and value.strip().lower() in ("none", "")
            clean[name] = None if empty and "anyOf" in cls.schema()[name] else value
        return cls.checked(clean)

    @classmethod
    def checked(cls, values: Mapping[str, Any]) -> Self:
        """As `parse`, of values that are meant as they stand: a class may be called "none".

        Raises:
            UserError: as `parse` does.
        """
        for name in values:
            known("setting", name, cls.names())
        try:
            return _adapter(cls).validate_python(dict(values))  # type: ignore[arg-type]
        except ValidationError as problem:
            first = problem.errors()[0]
            name = ".".join(str(part) for part in first["loc"][:1])
            if first["type"] == "value_error":  # Said in words of our own.
                raise UserError(str(first["ctx"]["error"])) from None
            if first["type"] == "missing":
                raise UserError(f"{name} is missing: give it.") from None
            allowed = in_words(cls.schema()[name]) or first["msg"][0].lower() + first["msg"][1:]
            raise UserError(f"{name} must be {allowed}, but it is {str(first['input'])[:60]!r}.") from None

    @classmethod
    def inner(cls, values: Mapping[str, Any]) -> "type[Settings] | None":
        """The class of what its field `settings` holds, given the other values; None if it has no such field."""
        return None

    def as_dict(self) -> dict[str, Any]:
        """The settings as plain values."""
        return asdict(self)

    @classmethod
    def schema(cls) -> dict[str, dict[str, Any]]:
        """JSON schema of every field by name: type, default, bounds, description."""
        properties: dict[str, dict[str, Any]] = {}
        for base in reversed(cls.__mro__):  # A field's docstring is not inherited by itself.
            if isinstance(base, type) and issubclass(base, Settings):
                for name, schema in _adapter(base).json_schema().get("properties", {}).items():  # type: ignore[arg-type]
                    properties[name] = {**properties.get(name, {}), **schema}
        return properties


def in_words(schema: Mapping[str, Any]) -> str:
    """What values a field may take, in words; "" where that cannot be said briefly."""
    options = schema.get("anyOf", [schema])
    inner, empty = options[0], " (or empty)" * (len(options) > 1)
    if "enum" in inner:
        return " or ".join(map(repr, inner["enum"])) + empty
    if inner.get("type") not in ("integer", "number") or len(options) > 2:
        return ""
    kind = "a whole number" if inner["type"] == "integer" else "a number"
    bounds = [
        f"{word} {inner[key]:.12g}"
        for key, word in (
            ("minimum", "from"),
            ("exclusiveMinimum", "above"),
            ("maximum", "to" if "minimum" in inner else "and at most"),
            ("exclusiveMaximum", "and below"),
        )
        if key in inner
    ]
    return " ".join([kind, *bounds]) + empty
