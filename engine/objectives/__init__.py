"""The pre-training objectives. A new one is a file here, whose class registers itself."""

from typing import TYPE_CHECKING

from engine.registry import Registry

if TYPE_CHECKING:
    from engine.objectives.base import Objective

OBJECTIVES: "Registry[type[Objective]]" = Registry("objective", __name__)
