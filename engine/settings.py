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
        try:
            return _adapter(cls).validate_python(clean)  # type: ignore[arg-type]
        except ValidationError as problem:
            first = problem.errors()[0]
            name = ".".join(str(part) for part in first["loc"][:1])
            if not name:  # Settings that do not go together.
                raise UserError(first["msg"].removeprefix("Value error, ") + ".") from None
            message = first["msg"][0].lower() + first["msg"][1:]
            raise UserError(f"{name}: {message}, but it is {str(first['input'])[:60]!r}.") from None

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
