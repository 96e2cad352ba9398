"""Which of a model's classes each class of a data set is: by name, or by place where names say nothing."""

import re
from collections.abc import Sequence

from engine.data.tasks import Task
from engine.errors import UserError


def _key(name: str) -> str:
    """A class's name without case, with spaces, hyphens and underscores alike; LABEL_1 and 1 are the same."""
    plain = re.sub(r"[\s_-]+", " ", name).strip().casefold()
    return re.sub(r"^label (\d+)$", r"\1", plain)


def _unnamed(names: Sequence[str]) -> bool:
    """Whether names are only numbers: LABEL_0, LABEL_1, …, or 0, 1, …: what counts is the place."""
    return all(re.fullmatch(rf"(label[ _-]?)?{place}", name.strip(), re.I) for place, name in enumerate(names))


def matched(labels: Sequence[str], task: Task) -> tuple[list[int], str]:
    """For each class of a task the place of the model's class, and what a person must know of it ("": nothing).

    Args:
        labels: the model's classes, in the order of its outputs; one for a regression model.

    Raises:
        UserError: the classes differ in number or in name; shows both lists.
    """
    own, theirs = list(labels), list(task.label_names)
    both = f"The model's classes: {', '.join(own)[:200]}. The data's: {', '.join(theirs)[:200]}."
    if len(own) != len(theirs):
        raise UserError(
            f"{task.name} is a classification task with {len(theirs)} outputs, the model has {len(own)}. {both} Choose data"
            " like its own."
        )
    keys, wanted = [_key(name) for name in own], [_key(name) for name in theirs]
    if sorted(keys) == sorted(wanted) and len(set(keys)) == len(keys):
        return [keys.index(name) for name in wanted], ""
    if len(set(keys)) < len(keys):
        raise UserError(f"Two of the model's classes have the same name. {both} Correct id2label in its config.json.")
    if _unnamed(own) or _unnamed(theirs):
        pairs = ", ".join(f"{name} is {other}" for name, other in zip(theirs, own, strict=True))
        whose = "The model's" if _unnamed(own) else "The data's"
        return list(range(len(own))), (
            f"{whose} classes have numbers for names, so they are matched by their order (the data's first): {pairs}. Check"
            " that this is right."
        )
    raise UserError(f"The classes of {task.name} are not the model's. {both} Choose data like its own, or rename them.")
