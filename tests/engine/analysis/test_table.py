"""TextAT's table: states, growth, neighbours, the class direction."""

import pytest
import torch
from safetensors.torch import save_file

from engine.catalogue import analyse
from engine.errors import UserError
from engine.runs.config import TrainConfig
from engine.runs.store import Store
from engine.subjects import table as tables


def record(rows_at):
    """A run with recorded tables: {step: {token: row}}; what a worker writes."""
    run = Store().create(TrainConfig.build({"method": "textat"}).as_dict())
    (run.folder / "table").mkdir()
    for step, rows in rows_at.items():
        tokens = torch.tensor(list(rows))
        values = torch.stack([torch.tensor(row) for row in rows.values()])
        state = {"tokens": tokens, "norms": values.norm(dim=1), "counts": torch.arange(1, len(rows) + 1)}
        save_file(state, run.folder / "table" / f"{step:08d}.safetensors")
        save_file(
            {"tokens": tokens, "rows": values, "counts": state["counts"], "vocabulary_size": torch.tensor(60)},
            run.table_file,
        )
    return run


def test_states_and_growth(classifier, monkeypatch):
    monkeypatch.setattr("engine.analysis.table.tokenizer_of", lambda model: classifier.tokenizer)
    run = record({10: {7: [3.0, 4.0]}, 20: {7: [0.0, 6.0], 5: [1.0, 0.0], 9: [0.0, 2.0]}})
    state = tables.table_state(run)
    assert (state.step, state.vocabulary, state.norms.tolist()) == (20, 60, [6.0, 1.0, 2.0])
    found = analyse("table", run, top=2)
    assert [(row.id, row.norm, row.count) for row in found.rows] == [(7, 6.0, 1), (9, 2.0, 3)]
    assert found.rows[0].growth == [(10, 5.0), (20, 6.0)]
    assert found.rows[1].growth == [(20, 2.0)]
    assert found.touched == 3 and found.every.norm == [6.0, 1.0, 2.0]
    assert set(found.document()) == {"run", "step", "touched", "vocabulary", "rows"}


def test_runs_without_a_table_say_so():
    run = Store().create(TrainConfig.build({"method": "pgd"}).as_dict())
    with pytest.raises(UserError, match="only textat runs"):
        tables.table_state(run)
    with pytest.raises(UserError, match="no recorded table yet"):
        tables.table_state(Store().create(TrainConfig.build({"method": "textat"}).as_dict()))


def test_spaces_and_neighbours_against_a_plain_search():
    generator = torch.Generator().manual_seed(0)
    embeddings, rows = torch.randn(30, 6, generator=generator), torch.randn(8, 6, generator=generator)
    tokens = torch.tensor([3, 1, 29, 8, 4, 17, 11, 2])
    state = tables.TableState(1, tokens, rows, rows.norm(dim=1), torch.ones(8), 30)
    for space, expected in (
        ("Z", rows),
        ("embedding", embeddings[tokens]),
        ("embedding + Z", embeddings[tokens] + rows),
    ):
        points = tables.vectors(state, embeddings, space)
        assert torch.equal(points, expected)
        near = tables.neighbours(points, 2, count=3)
        plain = sorted((float((expected[2] - expected[other]).norm()), other) for other in range(8) if other != 2)[:3]
        assert [place for place, _ in near] == [other for _, other in plain]
        assert [distance for _, distance in near] == pytest.approx([distance for distance, _ in plain], rel=1e-4)


def test_parts_of_words(classifier):
    ids = classifier.tokenizer.convert_tokens_to_ids(["[CLS]", "good", "##1", "music"])
    assert tables.parts(classifier.tokenizer, ids) == ["special", "whole word", "piece", "whole word"]


def test_the_class_direction_raises_the_margin_most(classifier, table):
    direction = tables.class_direction(classifier, table["text"].tolist(), batch_size=7)
    assert direction.norm() == pytest.approx(1.0)

    def margin(shift):
        total = 0.0
        for text in table["text"]:
            encoded = classifier.tokenizer(text, return_tensors="pt")
            words = classifier.model.get_input_embeddings()(encoded["input_ids"]) + shift
            logits = classifier.model(inputs_embeds=words, attention_mask=encoded["attention_mask"]).logits[0]
            total += float(logits[1] - logits[0])
        return total

    gain = margin(1e-2 * direction) - margin(0.0)
    assert gain > 0
    for seed in range(5):
        other = torch.randn(len(direction), generator=torch.Generator().manual_seed(seed))
        assert gain > margin(1e-2 * other / other.norm()) - margin(0.0)
    assert tables.cosines(torch.stack([direction, -2 * direction]), direction).tolist() == pytest.approx([1.0, -1.0])
    with pytest.raises(UserError, match="at least one text"):
        tables.class_direction(classifier, [])
