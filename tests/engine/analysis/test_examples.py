"""The table of examples and the search for the ε at which a label flips."""

import math

import pandas as pd
import pytest
import torch

from engine.analysis.examples import FLIP_GRID, FLIP_STEPS, example_table
from engine.analysis.flip import flip_radius
from engine.ascent import at_radius, climb
from engine.errors import UserError
from engine.subjects.samples import batches, examples, margins
from engine.subjects.sentences import Sentence


def test_batches_give_every_row_once_with_its_label(classifier, table):
    seen = {}
    calls = []
    for places, batch in batches(classifier, table, size=7, progress=lambda *at: calls.append(at)):
        for row, place in enumerate(places):
            ids = batch["input_ids"][row][batch["attention_mask"][row].bool()].tolist()
            assert ids == classifier.tokenizer(table["text"][place])["input_ids"]
            seen[place] = int(batch["labels"][row])
    assert [seen[place] for place in range(len(table))] == table["label"].tolist()
    assert calls[-1] == (40, 40)


def test_margins_by_hand():
    logits = torch.tensor([[1.0, 4.0, 2.0], [3.0, 0.0, 1.0]])
    assert margins(logits, torch.tensor([1, 2])).tolist() == [2.0, -2.0]


def test_the_table_says_what_single_passes_say(classifier, table):
    found = example_table(classifier, table.head(12))
    for row in found.itertuples():
        batch = Sentence(text=row.text).encoded(classifier).batch
        logits = classifier.model(**batch).logits[0]
        assert row.loss == pytest.approx(-float(logits.log_softmax(-1)[row.label]), abs=1e-4)
        assert row.margin == pytest.approx(float(logits[row.label] - logits[1 - row.label]), abs=1e-4)
        assert row.prediction == int(logits.argmax())
        assert row.smoothness > 0

        said = logits.argmax()

        def flips(epsilon, batch=batch, said=said):
            path = climb(
                at_radius("pgd", epsilon, FLIP_STEPS),
                classifier.model,
                {**batch, "labels": said[None]},
                steps=FLIP_STEPS,
            )
            return any(point.logits.argmax() != said for point in path)

        expected = next((epsilon for epsilon in FLIP_GRID if flips(epsilon)), math.nan)
        assert row.flip_epsilon == pytest.approx(expected, nan_ok=True)
    assert found["flip_epsilon"].notna().any()


def test_regression_has_no_margin_and_no_flip(regressor, table):
    found = example_table(regressor, table.assign(label=table["label"].astype(float)).head(5))
    assert found["margin"].isna().all() and found["flip_epsilon"].isna().all()
    assert found["loss"].to_numpy() == pytest.approx((found["prediction"] - found["label"]).to_numpy() ** 2, rel=1e-4)


@pytest.mark.parametrize("name", ["pgd", "freeat", "freelb", "textat"])
def test_bisection_finds_the_edge(classifier, name):
    batch = Sentence(text="a very dull story with good music").encoded(classifier).batch
    epsilon = flip_radius(classifier, name, batch, steps=4, rounds=10)
    said = classifier.model(**batch).logits.argmax(-1)

    def flips(radius):
        path = climb(at_radius(name, radius, 4), classifier.model, {**batch, "labels": said}, steps=4)
        return any(bool(point.logits.argmax(-1) != said) for point in path)

    assert epsilon is not None
    assert flips(epsilon)
    assert not flips(epsilon * (1 - 2**-9))
    assert flip_radius(classifier, name, batch, steps=4, most=epsilon / 10) is None


def test_data_that_do_not_fit_the_classifier_are_refused(classifier, regressor, sentences, tmp_path):
    assert len(examples(classifier, str(sentences), limit=10)) == 10
    with pytest.raises(UserError, match="classification task"):
        examples(regressor, str(sentences))
    three = pd.DataFrame({"text": [f"t {p}" for p in range(90)], "label": [p % 3 for p in range(90)]})
    three.to_csv(tmp_path / "three.csv", index=False)
    with pytest.raises(UserError, match="3 output"):
        examples(classifier, str(tmp_path / "three.csv"))
    with pytest.raises(UserError, match="no nothing split"):
        examples(classifier, str(sentences), split="nothing")
    with pytest.raises(UserError, match="at least 1"):
        examples(classifier, str(sentences), limit=0)
