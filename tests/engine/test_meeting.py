"""Where a model meets data that may not be its own: classes by name, weights and tokenizers that belong, text it can read."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    CanineConfig,
    GPT2Config,
    PerceiverConfig,
    XLNetConfig,
)

from engine.catalogue import analyse
from engine.cli import main
from engine.data.legibility import unreadable
from engine.data.marks import collapsed, said_of, too_few
from engine.data.tasks import Task
from engine.errors import UserError
from engine.model_checks import padding_said
from engine.models import load_model, load_tokenizer, reads
from engine.runs.config import TrainConfig
from engine.runs.execution import execute
from engine.runs.store import Store
from engine.subjects.classifier import load_classifier
from engine.subjects.labels import matched
from engine.subjects.remarks import remarks
from tests import tiny

TASK = Task("t", "classification", ("negative", "positive"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "named.csv"
    texts = [line.split("\t") for line in tiny.sentences(240).splitlines()[1:]]
    table = pd.DataFrame({"text": [t for t, _ in texts], "label": [TASK.label_names[int(at)] for _, at in texts]})
    table.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def taught(encoder, data, tmp_path_factory):
    """A folder with a classifier that has learnt the named data."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DELTABOOK_HOME", str(tmp_path_factory.mktemp("home")))
        config = TrainConfig.build(
            {"method": "vanilla", "dataset": str(data), "model": str(encoder), "max_steps": 60, "learning_rate": 5e-3,
             "batch_size": 16, "max_length": 32}
        )  # fmt: skip
        run = execute(Store().create(config.as_dict(), status="starting").id)
        assert run.metrics["accuracy"] > 0.9
        return shutil.copytree(run.model_folder, tmp_path_factory.mktemp("taught") / "model")


def copied(folder, target, weights=lambda state: state, leave_out=(), **config):
    """A model's folder with other weights, a changed config, or without some files."""
    shutil.copytree(folder, target)
    save_file(weights(load_file(target / "model.safetensors")), target / "model.safetensors", {"format": "pt"})
    (target / "config.json").write_text(json.dumps(json.loads((target / "config.json").read_text()) | config))
    for pattern in leave_out:
        for file in target.glob(pattern):
            file.unlink()
    return target


def exchanged(state):
    return {name: each.flip(0).contiguous() if name.startswith("classifier.") else each for name, each in state.items()}


DATA_ANALYSES = {
    "examples": {}, "smoothness": {}, "smoothness curve": {}, "robust accuracy": {"epsilons": [0.0, 0.2], "steps": 2, "restarts": 1},
    "calibration": {}, "map": {"method": "pgd", "epsilon": 0.2},
}  # fmt: skip


def plain(found, order):
    """A result without the order of the model's classes."""
    if hasattr(found, "table"):
        return found.table.drop(columns=["x", "y", "perturbed_x", "perturbed_y", "distance"], errors="ignore").to_dict(
            "list"
        )
    return json.loads(json.dumps(found, default=lambda each: each.__dict__)) | {"origin": ""}


@pytest.mark.parametrize("analysis", DATA_ANALYSES)
def test_a_model_whose_classes_stand_in_another_order_gives_the_same(taught, data, tmp_path, analysis):
    other = copied(
        taught,
        tmp_path / "other",
        exchanged,
        id2label={"0": "Positive", "1": "NEGATIVE"},
        label2id={"Positive": 0, "NEGATIVE": 1},
    )
    values = {"dataset": str(data), "limit": 30, **DATA_ANALYSES[analysis]}
    first, second = (plain(analyse(analysis, load_classifier(str(each)), **values), None) for each in (taught, other))
    if analysis in ("examples", "map"):
        for name in ("label", "prediction", "perturbed_prediction"):
            for found in (first, second):
                found.update({name: [word.lower() for word in found[name]]} if name in found else {})
        assert first["label"] == first["prediction"]
        if "loss" in first:
            assert max(first["loss"]) < 1.0
    assert first.keys() == second.keys() if isinstance(first, dict) else len(first) == len(second)
    flat = [pd.json_normalize({"all": each}).to_dict("records") for each in (first, second)]
    assert same(flat[0], flat[1])


def same(first, second):
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(same(a, b) for a, b in zip(first, second, strict=True))
    if isinstance(first, float):
        return bool(np.isclose(first, second, rtol=1e-3, atol=1e-6, equal_nan=True))
    return first == second


def test_attacks_see_the_right_classes_too(taught, data, tmp_path, capsys):
    other = copied(taught, tmp_path / "other", exchanged, id2label={"0": "positive", "1": "negative"})
    said = []
    for each in (taught, other):
        assert (
            main(
                [
                    "attack",
                    "--model",
                    str(each),
                    "--dataset",
                    str(data),
                    "--limit",
                    "20",
                    "--search",
                    "random",
                    "--json",
                ]
            )
            == 0
        )
        said.append(json.loads(capsys.readouterr().out)["summary"])
    assert said[0]["accuracy"] == said[1]["accuracy"] == 1.0
    assert said[0]["examples"] == said[1]["examples"]


@pytest.mark.parametrize(
    "own, theirs, places",
    [
        (("CONTRADICTION", "neutral", "Entailment"), ("entailment", "neutral", "contradiction"), [2, 1, 0]),
        (("not_entailment", "entailment"), ("entailment", "not entailment"), [1, 0]),
        (("LABEL_0", "LABEL_1"), ("negative", "positive"), [0, 1]),
        (("negative", "positive"), ("0", "1"), [0, 1]),
        (("1", "0"), ("0", "1"), [1, 0]),
    ],
)
def test_which_class_is_which(own, theirs, places):
    found, said = matched(own, Task("d", "classification", theirs))
    assert found == places
    numbered = sorted(own)[0].lower() not in [name.lower().replace(" ", "_") for name in theirs]
    assert ("matched by their order" in said) == numbered


@pytest.mark.parametrize(
    "own, theirs",
    [
        (("no", "yes"), ("negative", "positive")),
        (("a", "b", "c"), ("a", "b")),
        (("a", "b"), ("a", "b", "c")),
        (("a", "A"), ("a", "b")),
    ],
)
def test_other_classes_are_refused_and_both_lists_shown(own, theirs):
    with pytest.raises(UserError) as problem:
        matched(own, Task("d", "classification", theirs))
    assert ", ".join(own) in str(problem.value) and ", ".join(theirs) in str(problem.value)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_prefixes_of_wrappers_are_taken_off(taught, tmp_path, prefix):
    other = copied(taught, tmp_path / "p", lambda state: {prefix + name: each for name, each in state.items()})
    first, second = load_model(str(taught)), load_model(str(other))
    assert second.has_head
    states = first.model.state_dict(), second.model.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def without(*parts):
    return lambda state: {name: each for name, each in state.items() if not any(part in name for part in parts)}


def with_one(value):
    def change(state):
        state["bert.encoder.layer.1.output.dense.weight"][3, 4] = value
        return state

    return change


BROKEN = {
    "another family": ({"model_type": "roberta"}, None, "weights are of a BertForSequenceClassification"),
    "another family, unnamed": (
        {"model_type": "roberta", "architectures": None},
        None,
        "encoder's .* weights are not in its file",
    ),
    "one tensor": (
        {},
        lambda state: {"unrelated": torch.zeros(3)},
        r"encoder's .* weights are not in its file.*bert\.embeddings",
    ),
    "a layer too few": ({}, without("layer.1."), r"16 of the encoder's.*bert\.encoder\.layer\.1"),
    "more layers than asked for": (
        {"num_hidden_layers": 1},
        None,
        "16 encoder weights that the config has no place for",
    ),
    "another width": ({"hidden_size": 16, "intermediate_size": 24}, None, "another shape"),
    "a NaN": ({}, with_one(float("nan")), r"bert\.encoder\.layer\.1\.output\.dense\.weight has values that are NaN"),
    "an infinity": ({}, with_one(float("inf")), "NaN or infinite"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_weights_that_do_not_belong_are_refused(taught, tmp_path, case):
    config, weights, words = BROKEN[case]
    other = copied(taught, tmp_path / "other", weights or (lambda state: state), **config)
    for load in (lambda: load_model(str(other), TASK), lambda: load_classifier(str(other))):
        with pytest.raises(UserError, match=words) as problem:
            load()
        assert "\n" not in str(problem.value)


@pytest.mark.parametrize("parts", [("classifier",), ("pooler",), ("classifier.bias",)])
def test_a_classifier_without_its_head_gives_no_answers(taught, data, tmp_path, parts, capsys):
    other = copied(taught, tmp_path / "headless", without(*parts))
    assert not load_model(str(other), TASK).has_head  # It can be trained …
    for verb in (
        ["trace", "--text", "a good film"],
        ["flip", "--text", "a good film"],
        ["examples", "--dataset", str(data)],
    ):
        assert main([*verb, "--model", str(other)]) == 2  # … and is not asked before.
        err = capsys.readouterr().err
        assert "no weights of the head" in err and len(err.splitlines()) == 1


def test_a_folder_without_a_tokenizer_is_refused(taught, data, tmp_path, capsys):
    bare = copied(taught, tmp_path / "bare", leave_out=["token*", "vocab*", "special*"])
    assert main(["trace", "--text", "a good film", "--model", str(bare)]) == 2
    assert "has no tokenizer" in capsys.readouterr().err
    assert main(["train", "--method", "pgd", "--dataset", str(data), "--model", str(bare)]) == 2
    assert "has no tokenizer" in capsys.readouterr().err and Store().all() == []
    assert main(["train", "--method", "macbert", "--dataset", str(data), "--model", str(bare)]) == 2
    assert "has no tokenizer" in capsys.readouterr().err


def test_more_tokens_than_embeddings_are_said_before_anything_runs(taught, data, tmp_path):
    other = shutil.copytree(taught, tmp_path / "grown")
    tokenizer = AutoTokenizer.from_pretrained(other)
    tokenizer.add_tokens(["newword", "another"])
    tokenizer.save_pretrained(other)
    with pytest.raises(UserError, match=r"model has embeddings for .*resize_token_embeddings"):
        load_model(str(other), TASK)


def test_a_tokenizer_without_a_padding_token(taught, tmp_path):
    other = shutil.copytree(taught, tmp_path / "unpadded")
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (other / name).exists():
            found = json.loads((other / name).read_text())
            found.pop("pad_token", None)
            (other / name).write_text(json.dumps(found))
    assert AutoTokenizer.from_pretrained(other).pad_token_id is None
    assert load_model(str(other), TASK).tokenizer.pad_token == "[PAD]"  # The config says which token it is.
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"pad_token_id": None}))
    with pytest.raises(UserError, match="no padding token"):
        load_model(str(other), TASK)
    ending = json.loads((other / "tokenizer_config.json").read_text()) | {"eos_token": "[SEP]"}
    (other / "tokenizer_config.json").write_text(json.dumps(ending))
    loaded = load_model(str(other), TASK)
    assert loaded.tokenizer.pad_token == "[SEP]" and loaded.model.config.pad_token_id == loaded.tokenizer.sep_token_id
    assert "[SEP], which ends a text, pads too" in padding_said(loaded.tokenizer)
    assert padding_said(load_model(str(taught), TASK).tokenizer) == ""


def test_a_decoder_whose_config_names_no_padding_pools_at_the_end_of_each_text(encoder, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    config = ODD["gpt2"](len(tokenizer))
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path / "gpt2")
    tokenizer.save_pretrained(tmp_path / "gpt2")
    model = load_model(str(tmp_path / "gpt2")).model
    together = tokenizer(["a dull film with music", "good"], padding=True, return_tensors="pt")
    alone = tokenizer("good", return_tensors="pt")
    torch.testing.assert_close(model(**together).logits[1], model(**alone).logits[0], atol=1e-5, rtol=1e-4)


def test_several_labels_per_text_are_refused(taught, tmp_path):
    other = copied(taught, tmp_path / "multi", problem_type="multi_label_classification")
    with pytest.raises(UserError, match="several labels per text"):
        load_classifier(str(other))
    assert load_model(str(other), TASK).model.config.problem_type == "single_label_classification"


ODD = {
    "xlnet": lambda n: XLNetConfig(vocab_size=n, d_model=16, n_layer=2, n_head=2, d_inner=24),
    "gpt2": lambda n: GPT2Config(vocab_size=n, n_embd=16, n_layer=2, n_head=2, n_positions=40),
    "canine": lambda n: CanineConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, max_position_embeddings=64,
        num_hash_functions=2, num_hash_buckets=64,
    ),
    "perceiver": lambda n: PerceiverConfig(
        num_latents=4, d_latents=16, d_model=16, num_blocks=1, num_self_attends_per_block=1, num_self_attention_heads=2,
        num_cross_attention_heads=2, vocab_size=n, max_position_embeddings=40,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD)
def test_other_architectures_work_or_are_refused_in_one_line(encoder, data, tmp_path, kind, capsys):
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    config = ODD[kind](len(tokenizer))
    config.num_labels = 2
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path / kind)
    tokenizer.save_pretrained(tmp_path / kind)
    assert reads(config, tokenizer) > 0
    code = main(["train", "--method", "pgd", "--dataset", str(data), "--model", str(tmp_path / kind), "--max-steps", "2",
                 "--set", "batch_size=4", "--json"])  # fmt: skip
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    if code == 2:
        assert out == "" and len(err.strip().splitlines()) == 1
        assert "cannot be" in err or "another output" in err
    else:
        assert code == 0 and json.loads(out)["status"] == "completed"


@pytest.mark.parametrize(
    "file",
    ["a.bin", "../x.safetensors", "/etc/x.safetensors", "x.safetensors/..", ".x.safetensors", 7, "gone.safetensors"],
)
def test_an_index_names_plain_safetensors_files_of_the_folder_alone(taught, tmp_path, file):
    other = shutil.copytree(taught, tmp_path / "indexed")
    index = {"metadata": {}, "weight_map": {name: file for name in load_file(other / "model.safetensors")}}
    (other / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=r"index\.json (names|is no index)"):
        load_model(str(other), TASK)
    (other / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(UserError, match="is no index"):
        load_model(str(other), TASK)


def test_a_config_that_names_its_own_weights_file_is_refused(taught, tmp_path):
    other = copied(taught, tmp_path / "named", transformers_weights="../x.safetensors")
    with pytest.raises(UserError, match="names a weights file"):
        load_model(str(other), TASK)


def test_text_that_a_model_cannot_read_is_said(taught, capsys):
    for text, words in (("这部电影很好看，我喜欢", "zh-small"), ("🙂🙂🙂 xyzzy", "multilingual")):
        assert main(["trace", "--text", text, "--model", str(taught), "--json"]) == 0
        out, err = capsys.readouterr()
        said = json.loads(out)["remarks"]
        assert any("100% of its tokens are unknown" in each and words in each for each in said)
        assert said[0] in err
    assert main(["trace", "--text", "a good film", "--model", str(taught), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["remarks"] == []


def test_pairs_given_to_a_model_of_single_sentences_and_the_other_way_round(taught, encoder, tmp_path):
    assert any(
        "trained on single sentences and is given a pair" in each
        for each in remarks(load_classifier(str(taught)), {"text": "a film", "text_pair": "a town"})
    )
    pairs = copied(taught, tmp_path / "pairs", text_pairs=True)
    assert any(
        "trained on pairs of sentences and is given a single one" in each
        for each in remarks(load_classifier(str(pairs)), {"text": "a film"})
    )
    unknown = copied(taught, tmp_path / "unknown", text_pairs=None)
    assert remarks(load_classifier(str(unknown)), {"text": "a film", "text_pair": "a town"}) == []


@pytest.mark.parametrize(
    "accuracy, majority, one_class, mark",
    [
        (0.489, 0.511, 1.0, "predicts one class"), (0.9, 0.51, 0.99, "predicts nearly one class"), (0.515, 0.511, 0.7, "no better"),
        (0.489, 0.511, None, "no better"), (0.86, 0.511, 0.55, ""), (0.995, 0.99, 0.985, ""), (0.99, 0.99, 1.0, "no better"),
        (None, None, 1.0, "predicts one class"), (None, None, None, ""), (None, 0.5, 0.6, ""),
    ],
)  # fmt: skip
def test_when_a_model_has_collapsed(accuracy, majority, one_class, mark):
    assert collapsed(accuracy, majority, one_class).startswith(mark) and bool(
        collapsed(accuracy, majority, one_class)
    ) == bool(mark)


def test_a_collapsed_model_is_marked_wherever_it_is_named(taught, data, tmp_path, capsys):
    def one_answer(state):
        state["classifier.weight"].zero_()
        state["classifier.bias"].copy_(torch.tensor([5.0, -5.0]))
        return state

    stuck = copied(taught, tmp_path / "stuck", one_answer)
    classifier = load_classifier(str(stuck))
    assert any("predicts one class" in each for each in remarks(classifier, {"dataset": str(data), "limit": 30}))
    assert not remarks(load_classifier(str(taught)), {"dataset": str(data), "limit": 30})
    run = Store().create(TrainConfig.build({"method": "textat", "dataset": str(data)}).as_dict(), status="completed")
    Store().update(run.id, metrics={"accuracy": 0.489, "majority": 0.511, "one_class": 1.0, "main_metric": "accuracy"})
    shutil.copytree(stuck, run.model_folder)
    assert load_classifier(run=run.id).mark == "predicts one class"
    assert main(["runs"]) == 0
    assert "⚠ predicts one class" in capsys.readouterr().out
    curves = analyse("curves", None, runs=[run.id])
    assert "⚠ predicts one class" in curves.runs[run.id].title
    assert main(["smoothness", "--run", run.id, "--dataset", str(data), "--limit", "5", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "says nothing" in json.loads(out)["remarks"][0] and "says nothing" in err


def test_a_run_says_itself_that_it_has_collapsed(encoder, data, capsys):
    assert main(["train", "--method", "vanilla", "--dataset", str(data), "--model", str(encoder), "--max-steps", "1",
                 "--set", "learning_rate=1e-9", "--json"]) == 0  # fmt: skip
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["metrics"]["one_class"] <= 1.0
    assert bool(found["mark"]) == ("collapsed" in err)


def test_figures_of_a_handful_of_examples_are_marked(encoder, tmp_path, capsys):
    lines = [f"{'good' if place % 2 else 'dull'} film number {place}\t{place % 2}" for place in range(20)]
    for name, rows in (("train", lines), ("validation", lines[:3])):
        (tmp_path / f"{name}.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n")
    assert main(["train", "--method", "vanilla", "--dataset", str(tmp_path), "--model", str(encoder), "--max-steps", "2",
                 "--set", "learning_rate=5e-3", "--json"]) == 0  # fmt: skip
    found = json.loads(capsys.readouterr().out)
    assert found["info"]["validation_examples"] == 3
    assert found["mark"] == "measured on 3 examples" or found["mark"].startswith(("predicts", "no better"))
    run = Store().get(found["run"])
    Store().update(run.id, metrics={"accuracy": 1.0, "majority": 0.67, "one_class": 0.67, "main_metric": "accuracy"})
    run = Store().get(found["run"])
    assert run.marked_title.endswith("⚠ measured on 3 examples") and not run.mark
    assert not load_classifier(run=run.id).mark  # The model itself is sound, for all that is known.
    assert "measured on 3 examples only" in said_of(run.doubt)
    assert [too_few(count) for count in (1, 9, 10, None)] == ["measured on 1 example", "measured on 9 examples", "", ""]


def test_a_trained_head_is_used_though_the_config_names_no_architecture(taught, tmp_path):
    bare = copied(taught, tmp_path / "bare", architectures=None)
    first, second = (
        analyse("trace", load_classifier(str(each)), method="pgd", settings={}, text="a good film")
        for each in (taught, bare)
    )
    assert first.probabilities == second.probabilities and "fine-tuned for" not in second.origin


@pytest.mark.parametrize(
    "config, words",
    [
        ({"id2label": {"1": "negative", "2": "positive"}}, "outputs count from 0 to 1"),
        ({"id2label": {"0": "same", "1": "Same"}}, "have the same name"),
    ],
)
def test_names_of_classes_that_cannot_be_right_are_refused(taught, data, tmp_path, config, words):
    other = copied(taught, tmp_path / "odd", **config)
    with pytest.raises(UserError, match=words):
        analyse("examples", load_classifier(str(other)), dataset=str(data), limit=10)


def test_numbered_classes_in_another_order_are_matched_by_their_numbers():
    assert matched(("LABEL_1", "LABEL_0"), Task("d", "classification", ("0", "1"))) == ([1, 0], "")


def test_quantised_weights_are_refused(taught, tmp_path):
    def quantised(state):
        return {name: (each * 100).to(torch.int8) if each.ndim > 1 else each for name, each in state.items()}

    with pytest.raises(UserError, match="quantised"):
        load_model(str(copied(taught, tmp_path / "int8", quantised)), TASK)


def test_a_regression_without_a_label_says_why_nothing_moves(encoder, tmp_path, capsys):
    made = load_model(str(encoder), Task("r", "regression"))
    made.model.save_pretrained(tmp_path / "r")
    made.tokenizer.save_pretrained(tmp_path / "r")
    call = ["trace", "--text", "a good film", "--model", str(tmp_path / "r"), "--json"]
    assert main(call) == 0
    out, err = capsys.readouterr()
    assert max(json.loads(out)["norms"]) == 0 and "Give a score" in err and json.loads(out)["remarks"]
    assert main([*call, "--label", "2.5"]) == 0
    out, err = capsys.readouterr()
    assert max(json.loads(out)["norms"]) > 0 and json.loads(out)["remarks"] == []
    for label in ("nan", "inf", "1e39"):
        assert main([*call, "--label", label]) == 2
        assert "out of range" in capsys.readouterr().err
    assert main(["attribution", *call[1:]]) == 0  # Its rank correlation is of a constant: there is none.
    out = capsys.readouterr().out
    assert json.loads(out, parse_constant=lambda name: pytest.fail(name))["rank_correlation"] is None


def test_a_script_that_is_spelt_letter_by_letter_is_said():
    english = load_tokenizer("minilm")
    for text in ("Фильм очень хороший и актёры замечательные", "Η ταινία ήταν πολύ καλή"):
        assert "letter by letter" in unreadable(english, [text])
    for text in ("The film is a little slow, but the acting is wonderful.", "I", "A b c", "naïve café"):
        assert unreadable(english, [text]) == ""
    assert unreadable(load_tokenizer("zh-small"), ["这部电影很好看，我喜欢"]) == ""
    assert "letter by letter" in unreadable(load_tokenizer("zh-small"), ["a wonderful film of our time"])
