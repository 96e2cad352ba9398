"""The fine-tuning methods. A new one is a file here, whose class registers itself."""

from typing import TYPE_CHECKING, Any

from engine.registry import Registry

if TYPE_CHECKING:
    from engine.methods.base import Method

METHODS: "Registry[type[Method[Any]]]" = Registry("method", __name__)


def get_method(name: str) -> "type[Method[Any]]":
    """The method's class by its name.

    Raises:
        UserError: no such method; lists those there are.
    """
    return METHODS.get(name)


def perturbing() -> list[str]:
    """The names of the methods that climb with a perturbation δ, the oldest first."""
    return [each.name for each in METHODS.all() if each.perturbs]
