"""Attributions: completeness, linear models solved by hand, and the comparison."""

import pytest
import torch
from scipy import stats

from engine.analysis.attribution import ALGORITHMS, attribute, rank_correlation
from engine.catalogue import analyse
from engine.errors import UserError
from engine.subjects.sentences import Sentence

TEXT = "a very dull story with good music"


@pytest.mark.parametrize("with_delta", [False, True])
def test_integrated_gradients_are_complete(classifier, with_delta):
    batch = Sentence(text=TEXT).encoded(classifier).batch
    delta = 0.1 * torch.randn(1, 9, 32, generator=torch.Generator().manual_seed(0)) if with_delta else None
    for target in (0, 1):
        found = attribute(classifier, batch, delta, "integrated gradients", target=target, steps=200)
        words = classifier.model.get_input_embeddings()(batch["input_ids"]) + (0.0 if delta is None else delta)
        logit = classifier.model(inputs_embeds=words, attention_mask=batch["attention_mask"]).logits[0, target]
        assert found.output == pytest.approx(float(logit), abs=1e-5)
        assert abs(found.output - found.baseline) > 1e-3
        assert abs(found.gap) < 0.02 * abs(found.output - found.baseline) + 1e-4
        assert found.convergence == pytest.approx(found.gap, abs=1e-4)
        # Special tokens are the same in the baseline: nothing is theirs.
        if delta is None:
            assert found.values[0] == pytest.approx(0.0, abs=1e-6)


def test_each_algorithm_against_its_definition(classifier):
    batch = Sentence(text=TEXT).encoded(classifier).batch
    look_up, mask = classifier.model.get_input_embeddings(), batch["attention_mask"]
    words = look_up(batch["input_ids"]).detach().requires_grad_()

    def logit(embeddings):
        return classifier.model(inputs_embeds=embeddings, attention_mask=mask).logits[0, 1]

    (gradient,) = torch.autograd.grad(logit(words), words)
    found = attribute(classifier, batch, None, "gradient × input", target=1)
    assert found.values == pytest.approx((gradient * words).sum(-1)[0].tolist(), abs=1e-5)
    found = attribute(classifier, batch, None, "occlusion", target=1)
    for place in range(9):
        blanked = words.detach().clone()
        if 0 < place < 8:
            blanked[0, place] = look_up.weight[0]
        assert found.values[place] == pytest.approx(float(logit(words) - logit(blanked)), abs=1e-5)
    # Gradient SHAP without noise is integrated gradients at random points: in the mean the same.
    many = attribute(classifier, batch, None, "gradient SHAP", target=1, steps=600)
    exact = attribute(classifier, batch, None, "integrated gradients", target=1, steps=200)
    assert many.values == pytest.approx(exact.values, abs=0.15 * max(map(abs, exact.values)))
    assert many.convergence is not None
    assert attribute(classifier, batch, None, "gradient SHAP", target=1, seed=4) == attribute(
        classifier, batch, None, "gradient SHAP", target=1, seed=4
    )


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_clean_beside_perturbed(classifier, algorithm):
    asked = {"text": TEXT, "label": "good", "algorithm": algorithm, "points": 20}
    found = analyse("attribution", classifier, settings={"epsilon": 0.5, "step_size": 0.2}, **asked)
    assert found.label == 1
    assert len(found.tokens) == len(found.clean.values) == len(found.perturbed.values) == len(found.token_norms)
    assert found.perturbed.output < found.clean.output  # The ascent lowers the label's logit.
    assert found.perturbed.values != found.clean.values
    own = [(abs(v), n) for v, n, s in zip(found.clean.values, found.token_norms, found.special, strict=True) if not s]
    assert found.rank_correlation == pytest.approx(stats.spearmanr(*zip(*own, strict=True)).statistic)
    still = analyse("attribution", classifier, settings={"epsilon": 0.0}, **asked)
    assert still.perturbed.values == pytest.approx(still.clean.values, abs=1e-6)


def test_pairs_regression_and_bad_names(classifier, regressor):
    assert (
        analyse("attribution", classifier, text=TEXT, text_pair="a dull film", algorithm="occlusion").tokens.count(
            "[SEP]"
        )
        == 2
    )
    assert analyse("attribution", regressor, text=TEXT, label="2", algorithm="occlusion").label == 2.0
    with pytest.raises(UserError, match="integrated gradients"):
        analyse("attribution", classifier, text=TEXT, algorithm="magic")


def test_rank_correlation_of_cases_solved_by_hand():
    assert rank_correlation([9, -1, 2, -3], [5, 1, 2, 3], [True, False, False, False]) == pytest.approx(1.0)
    assert rank_correlation([1, 2, 3], [3, 2, 1], [False] * 3) == pytest.approx(-1.0)
    assert rank_correlation([1, 2], [1, 2], [False] * 2) != rank_correlation([1, 2], [1, 2], [False] * 2)  # NaN
