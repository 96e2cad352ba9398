"""Components by name: methods, objectives, analyses, searches. Each registers itself where it is defined.

A kind of component has a folder of its own. A component stands there in the module of its name (`side by side` in
`side_by_side.py`), which is imported when it is asked for and not before; what else lies in the folder may help them.
"""

import ast
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import ClassVar, Generic, Protocol, TypeVar

from engine.errors import known
from engine.process import quick_imports


class Component(Protocol):
    """What a component says of itself: its name, and the year that lists are ordered by."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def year(self) -> int: ...  # noqa: D102


class Recipe:
    """What a method and a pre-training objective say of themselves."""

    name: ClassVar[str]
    year: ClassVar[int]  # Of the publication.
    title: ClassVar[str]
    reference: ClassVar[str]
    equation: ClassVar[str]  # LaTeX
    summary: ClassVar[str]


C = TypeVar("C", bound=Component)


class Registry(Generic[C]):
    """The components of one kind.

    Args:
        kind: for people, as in "Unknown method".
        package: the folder's name as Python imports it.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind, self.package = kind, package
        self._there: dict[str, C] = {}

    def add(self, component: C) -> C:
        """Register a component under its name."""
        if self._there.setdefault(component.name, component) is not component:
            raise ValueError(f"two components of the kind {self.kind} are called {component.name}")
        return component

    def __contains__(self, name: str) -> bool:
        module = name.replace(" ", "_")
        if name not in self._there and module in self.modules():
            self._bring(module)
        return name in self._there

    def _bring(self, module: str) -> None:
        with quick_imports():  # Most bring torch.
            import_module(f"{self.package}.{module}")

    def get(self, name: str) -> C:
        """A component by its name; only its own module is imported.

        Raises:
            UserError: there is none; lists those there are.
        """
        if name not in self:
            known(self.kind, name, self.names())
        return self._there[name]

    def all(self) -> list[C]:
        """Every component, the oldest first."""
        for module in self.modules():
            self._bring(module)
        return sorted(self._there.values(), key=lambda each: (each.year, each.name))

    def names(self) -> list[str]:
        """The names of all, in the same order."""
        return [each.name for each in self.all()]

    def modules(self) -> list[str]:
        """The modules of the folder; nothing is imported."""
        return sorted(each.name for each in iter_modules(import_module(self.package).__path__))

    def summary(self, module: str) -> str:
        """The first line of a module's docstring; it is read, not imported."""
        text = (Path(import_module(self.package).__path__[0]) / f"{module}.py").read_text(encoding="utf-8")
        return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
