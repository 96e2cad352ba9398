"""What every example of a data set is like: loss, margin, smoothness, and the ε at which its label flips."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from engine.analysis import Result, analysis
from engine.ascent import at_radius, climb
from engine.progress import Progress
from engine.subjects.classifier import Classifier
from engine.subjects.samples import Sample, batches, margins, with_class_names

# ε of the search for the smallest radius that flips a label: doubled every second step.
FLIP_GRID = tuple(0.02 * 2 ** (place / 2) for place in range(17))
FLIP_STEPS = 3


@dataclass(frozen=True)
class Examples(Result):
    """`table`: the sample with what `example_table` adds; labels and predictions of classes by their names."""

    origin: str
    table: pd.DataFrame

    def document(self) -> dict[str, Any]:
        """The rows; None where a figure is not defined."""
        rows = self.table.astype(object).where(self.table.notna(), None).to_dict("records")
        return {"origin": self.origin, "examples": rows}

    def text(self) -> str:
        """The table."""
        return str(self.table.round(4).to_string(max_colwidth=60))


@analysis("examples", "A data set's examples", Sample, many=True)
def examples(classifier: Classifier, asked: Sample, progress: Progress = None) -> Examples:
    """See `example_table`, of a sample."""
    table = example_table(classifier, asked.table(classifier), progress)
    return Examples(classifier.origin, with_class_names(classifier, table, "label", "prediction"))


def example_table(classifier: Classifier, table: pd.DataFrame, progress: Progress = None) -> pd.DataFrame:
    """What every example is like: columns `loss`, `margin`, `prediction`, `smoothness`, `flip_epsilon` are added.

    `smoothness`: SMART's ℓₛ at ε = 0.1 (Frobenius). `flip_epsilon`: the smallest ε of `FLIP_GRID` at which PGD with
    `FLIP_STEPS` steps changes the prediction (NaN: none does; 0 margin flips at the first). For regression there are
    no margin and no flip, and `prediction` is the score.
    """
    found: dict[str, list[Any]] = {
        name: [float("nan")] * len(table) for name in ("loss", "margin", "prediction", "smoothness", "flip_epsilon")
    }
    smart = at_radius("smart", 0.1, 1)
    for places, batch in batches(classifier, table, progress=progress):
        path = climb(smart, classifier.model, batch, steps=1)
        clean = climb(at_radius("vanilla", 0.0, 1), classifier.model, batch, steps=0)[0]
        flips = torch.full((len(places),), float("nan"))
        if not classifier.is_regression:
            predicted = clean.logits.argmax(dim=-1)
            own = {**batch, "labels": predicted}
            for epsilon in FLIP_GRID:
                holding = flips.isnan().nonzero()[:, 0]  # Only those that no smaller ε has flipped.
                if not len(holding):
                    break
                part = {key: tensor[holding.to(tensor.device)] for key, tensor in own.items()}
                moved = climb(at_radius("pgd", epsilon, FLIP_STEPS), classifier.model, part, steps=FLIP_STEPS)
                changed = (
                    torch.stack([point.logits.argmax(dim=-1) != part["labels"] for point in moved]).any(dim=0).cpu()
                )
                flips[holding[changed]] = epsilon
        for row, place in enumerate(places):
            found["loss"][place] = float(clean.loss[row])
            found["smoothness"][place] = float(path[-1].objective[row])
            found["flip_epsilon"][place] = float(flips[row])
            if classifier.is_regression:
                found["prediction"][place] = float(clean.logits[row, 0])
            else:
                found["margin"][place] = float(margins(clean.logits, batch["labels"])[row])
                found["prediction"][place] = int(clean.logits[row].argmax())
    return table.assign(**found)
