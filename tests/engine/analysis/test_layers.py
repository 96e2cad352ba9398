"""δ through the blocks, against what the model itself says of its hidden states and attention."""

import pytest
import torch

from engine.analysis.layers import layers
from engine.analysis.trace import TraceSettings
from engine.catalogue import analyse
from engine.errors import UserError
from engine.subjects.classifier import Classifier
from tests import tiny

OF = {"method": "pgd", "settings": {"epsilon": 0.6, "step_size": 0.4, "ascent_steps": 2}}


def test_it_is_what_the_model_says_of_its_own_hidden_states(classifier):
    found = analyse("layers", classifier, text="a very dull but good story", label="bad", **OF)
    followed = analyse("trace", classifier, text="a very dull but good story", label="bad", **OF)
    encoded = classifier.tokenizer("a very dull but good story", return_tensors="pt")
    model = classifier.model
    words = model.get_input_embeddings()(encoded["input_ids"])
    delta = _delta(classifier, encoded, found)
    clean, moved = (
        model(inputs_embeds=at, attention_mask=encoded["attention_mask"], output_hidden_states=True)
        for at in (words, words + delta)
    )
    for at, (before, after) in enumerate(zip(clean.hidden_states, moved.hidden_states, strict=True)):
        share = (after - before).norm(dim=-1) / before.norm(dim=-1)
        assert found.moved[at] == pytest.approx(share[0].tolist(), rel=1e-4)
        for rows, hidden in ((found.clean, before), (found.perturbed, after)):
            said = model.classifier(model.bert.pooler(hidden)).softmax(-1)[0]
            assert rows[at] == pytest.approx(said.tolist(), rel=1e-4)
    assert found.clean[-1] == pytest.approx(followed.probabilities[0], rel=1e-4)
    assert found.perturbed[-1] == pytest.approx(followed.probabilities[-1], rel=1e-4)
    differ = [a.index(max(a)) != b.index(max(b)) for a, b in zip(found.clean, found.perturbed, strict=True)]
    expected = next((at for at in range(len(differ)) if all(differ[at:])), None)
    assert found.turns == expected


def _delta(classifier, encoded, found):
    from engine.ascent import climb

    label = torch.tensor([classifier.labels.index("bad")])
    method = classifier.method("pgd", OF["settings"])
    return climb(method, classifier.model, {**encoded, "labels": label}, steps=2)[-1].delta


def test_attention_is_compared_head_by_head(classifier):
    found = analyse("layers", classifier, text="a very dull but good story", label="bad", **OF)
    encoded = classifier.tokenizer("a very dull but good story", return_tensors="pt")
    delta, model = _delta(classifier, encoded, found), classifier.model
    kept = model.config._attn_implementation
    words = model.get_input_embeddings()(encoded["input_ids"])
    model.set_attn_implementation("eager")
    a, b = (model(inputs_embeds=at, output_attentions=True).attentions for at in (words, words + delta))
    model.set_attn_implementation(kept)
    for block, heads in enumerate(found.heads):
        for head, value in enumerate(heads):
            rows = (b[block][0, head] - a[block][0, head]).abs().sum(-1) / 2
            assert value == pytest.approx(float(rows.mean()), rel=1e-3, abs=1e-6)
    assert max(map(max, found.heads)) > 0.001


@pytest.mark.parametrize("architecture", tiny.CONFIGS)
def test_every_architecture_with_a_row_of_blocks(architecture, classifier):
    model = tiny.model(architecture, dtype=torch.float32).eval().requires_grad_(False)
    with torch.no_grad():  # A vocabulary as large as the tokenizer's.
        model.resize_token_embeddings(len(classifier.tokenizer), mean_resizing=False)
    model.config.eos_token_id = classifier.tokenizer.sep_token_id
    subject = Classifier(model, classifier.tokenizer, 32, ("no", "yes"), False, architecture, architecture)
    asked = TraceSettings(text="a dull but good film", label="no", **OF)
    if architecture == "funnel":
        with pytest.raises(UserError, match="no row of blocks"):
            layers(subject, asked)
        return
    found = layers(subject, asked)
    assert len(found.moved) == 3 and len(found.clean) == 3
    assert min(found.moved[0]) > 0 and max(found.moved[0]) < 100, found.moved[0]
    with torch.no_grad():
        plain = model(**classifier.tokenizer("a dull but good film", return_tensors="pt")).logits.softmax(-1)[0]
    assert found.clean[-1] == pytest.approx(plain.tolist(), abs=1e-5)


def test_below_the_site_nothing_moves(classifier):
    settings = {**OF["settings"], "site": "layer:1"}
    found = analyse("layers", classifier, text="a dull but good film", label="bad", method="pgd", settings=settings)
    assert max(found.moved[0]) == 0 and min(found.moved[1]) > 0
