"""The analyses, one file each: its settings (`…Settings`), its function, and its result with its JSON and its text.

A file here is all that an analysis needs: the catalogue, a verb of the command line with its flags, cells of notebooks and
their export are made from what it declares. How it looks on a page is one file of the same name in `app/views/`.
"""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from engine.process import multiplying_fast
from engine.progress import Progress
from engine.registry import Registry
from engine.settings import Settings

# What an analysis looks at by what it needs: a classifier with classes is a classifier.
KINDS = {"classes": "classifier", "tags": "classifier"}


class Result:
    """What an analysis found: a dataclass whose fields are documented."""

    def document(self) -> dict[str, Any]:
        """As the command line's JSON."""
        return asdict(self)  # type: ignore[call-overload]

    def text(self) -> str:
        """For people, as the command line prints it."""
        return json.dumps(self.document(), ensure_ascii=False, indent=2)


@dataclass(frozen=True)
class Analysis:
    """A function of a subject, what is asked, and a progress report.

    Attributes:
        needs: `classifier` (that says one thing of a text), `classes` (one that is not a regression model), `tags` (one that
            says something of every token), `pair` (an ELECTRA pair), `run` or `nothing`.
        Settings: the class of what is asked.
        many: whether it runs the model on many sentences at once, or very often.
    """

    name: str
    title: str
    function: Callable[..., Any]
    Settings: type[Settings]
    needs: str = "classifier"
    many: bool = False
    year: int = 0

    def run(self, subject: Any, asked: Any, progress: Progress = None) -> Any:
        """Do it, with the products that suit it."""
        with multiplying_fast() if self.many else nullcontext():
            return self.function(subject, asked, progress)

    @property
    def kind(self) -> str:
        """The kind of its subject: `classifier`, `pair`, `run` or `nothing`."""
        return KINDS.get(self.needs, self.needs)

    def refuses(self, subject: Any) -> str:
        """Why the analysis cannot be run on a subject, in a sentence; "" if it can."""
        if self.kind == "classifier" and subject.tags != (self.needs == "tags"):
            return (
                f"{self.title}: this model tags every token, which the verb tags shows, and One method on the page Perturb. A"
                " model that says one thing of a text is needed here."
                if subject.tags
                else f"{self.title}: a model that tags every token (token classification) is needed here, not one of whole texts."
            )
        if self.needs == "classes" and subject.is_regression:
            return f"{self.title}: classes are needed; choose a classifier, not a regression model."
        return ""


ANALYSES: Registry[Analysis] = Registry("analysis", __name__)


def analysis(
    name: str, title: str, settings: type[Settings], needs: str = "classifier", *, many: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function `(subject, asked, progress=None)` as an analysis."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        ANALYSES.add(Analysis(name, title, function, settings, needs, many))
        return function

    return register
