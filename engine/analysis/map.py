"""A map of a data set's sentences, clean and after a method's ascent (UMAP)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.ascent import climb
from engine.errors import UserError
from engine.methods import get_method
from engine.methods.passes import PerturbedBatch
from engine.progress import Progress
from engine.projection import LEAST, umap_map
from engine.settings import CONFIG
from engine.subjects.classifier import Classifier
from engine.subjects.samples import Sample, batches, with_class_names


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class MapSettings(Sample):
    """A sample and an ascent."""

    method: str = "pgd"
    """The method whose ascent moves the sentences."""
    epsilon: float = Field(default=0.5, gt=0, le=1e6)
    """Radius ε of the ball that δ stays in (Frobenius norm per sentence, embedding units)."""
    steps: int = Field(default=3, ge=1, le=50)
    """K, the ascent steps."""

    @field_validator("method")
    @classmethod
    def _known(cls, given: str) -> str:
        return get_method(given).name


@dataclass(frozen=True)
class SentenceMap(Result):
    """`table`: in the sample's order, `text`, `label`, `prediction`, `perturbed_prediction`, `loss`, `perturbed_loss`, `x`,
    `y`, `perturbed_x`, `perturbed_y`; classes by their names, for regression scores.
    """

    origin: str
    table: pd.DataFrame

    def document(self) -> dict[str, Any]:
        """The rows."""
        return {"origin": self.origin, "sentences": self.table.to_dict("records")}

    def text(self) -> str:
        """The table."""
        return str(self.table.to_string(max_colwidth=50))


@analysis("map", "A map of sentences", MapSettings, many=True)
def sentence_map(classifier: Classifier, asked: MapSettings, progress: Progress = None) -> SentenceMap:
    """Every sentence as two points of one UMAP map: clean, and after a method's ascent at ε.

    Raises:
        UserError: too few sentences.
    """
    found = mapped(classifier, asked.table(classifier), asked, progress)
    named = with_class_names(classifier, found, "label", "prediction", "perturbed_prediction")
    return SentenceMap(classifier.origin, named)


def mapped(classifier: Classifier, table: pd.DataFrame, asked: MapSettings, progress: Progress = None) -> pd.DataFrame:
    """The map of a table of `text`, perhaps `text_pair`, `label`; classes by their numbers."""
    if len(table) * 2 < LEAST:
        raise UserError(f"A map needs at least {LEAST // 2} sentences, but there are {len(table)}.")
    attack = classifier.at_radius(asked.method, asked.epsilon, asked.steps)
    count = len(table)
    rows: list[dict[str, float | int]] = [{} for _ in range(count)]
    vectors: dict[int, tuple[NDArray[np.floating], NDArray[np.floating]]] = {}
    for places, batch in batches(classifier, table, progress=progress):
        path = climb(attack, classifier.model, batch, steps=asked.steps, seed=asked.seed)
        embedded = PerturbedBatch(classifier.model, batch)
        before = sentence_vectors(classifier, embedded, None).cpu().numpy()
        after = sentence_vectors(classifier, embedded, path[-1].delta).cpu().numpy()
        start = embedded.at_rest.logits
        own = embedded.losses(start)
        for row, place in enumerate(places):
            vectors[place] = (before[row], after[row])
            rows[place] = {
                "prediction": _said(classifier, start[row]),
                "perturbed_prediction": _said(classifier, path[-1].logits[row]),
                "loss": float(own[row]),
                "perturbed_loss": float(path[-1].loss[row]),
            }
    stacked = np.concatenate([np.stack([vectors[place][side] for place in range(count)]) for side in (0, 1)])
    at = umap_map(stacked, seed=asked.seed)
    found = pd.concat([table.reset_index(drop=True), pd.DataFrame(rows)], axis=1)
    return found.assign(
        x=at[:count, 0],
        y=at[:count, 1],
        perturbed_x=at[count:, 0],
        perturbed_y=at[count:, 1],
    )


def sentence_vectors(classifier: Classifier, embedded: PerturbedBatch, delta: torch.Tensor | None) -> torch.Tensor:
    """The sentence embedding `[B, D]`: the last hidden states at X + δ, averaged over the real tokens."""
    inputs = {name: tensor for name, tensor in embedded.inputs().items() if name != "labels"}
    with torch.no_grad(), embedded.moved(delta):
        hidden = classifier.model.base_model(**inputs).last_hidden_state
    mask = inputs["attention_mask"][..., None].to(hidden.dtype)
    vectors: torch.Tensor = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
    return vectors


def _said(classifier: Classifier, logits: torch.Tensor) -> float | int:
    return float(logits[0]) if classifier.is_regression else int(logits.argmax())
