"""Maps: reproducible, and made of the sentence embeddings that they claim."""

import numpy as np
import pytest
import torch

from engine.analysis.map import MapSettings, mapped, sentence_vectors
from engine.errors import UserError
from engine.methods.passes import PerturbedBatch
from engine.projection import umap_map


def test_sentence_vectors_are_means_over_real_tokens(classifier, table):
    texts = [*table["text"].tolist()[:3], "good"]
    encoded = classifier.tokenizer(texts, return_tensors="pt", padding=True)
    embedded = PerturbedBatch(classifier.model, {**encoded, "labels": torch.zeros(4, dtype=torch.long)})
    found = sentence_vectors(classifier, embedded, None)
    for row, text in enumerate(texts):
        alone = classifier.model.base_model(**classifier.tokenizer(text, return_tensors="pt")).last_hidden_state
        torch.testing.assert_close(found[row], alone[0].mean(dim=0), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_maps_keep_clusters_and_the_seed(classifier, table):
    chance = np.random.default_rng(0)
    points = np.concatenate([chance.normal(0, 0.1, (30, 5)), chance.normal(3, 0.1, (30, 5))])
    first = umap_map(points, seed=1)
    assert np.array_equal(first, umap_map(points, seed=1))
    centres = first[:30].mean(axis=0), first[30:].mean(axis=0)
    spread = max(first[:30].std(), first[30:].std())
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * spread
    found = mapped(classifier, table, MapSettings(epsilon=0.5))
    again = mapped(classifier, table, MapSettings(epsilon=0.5))
    assert found.equals(again)
    assert found["text"].tolist() == table["text"].tolist()
    assert (found["perturbed_loss"].mean() > found["loss"].mean()) or (
        found["prediction"] != found["label"]
    ).mean() > 0.3
    assert np.isfinite(found[["x", "y", "perturbed_x", "perturbed_y"]].to_numpy()).all()


def test_too_few_points_are_refused(classifier, table):
    with pytest.raises(UserError, match="at least 10 points"):
        umap_map(np.zeros((4, 3)))
    with pytest.raises(UserError, match="at least 5 sentences"):
        mapped(classifier, table.head(3), MapSettings())
