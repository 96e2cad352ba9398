"""The command line: real processes for the contract (exit code, stdout, stderr), in-process calls for the rest."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.cli import main
from engine.home import home
from engine.runs.store import Store

ROOT = Path(__file__).resolve().parents[2]


def call(*arguments):
    """`python -m engine …` as another program calls it."""
    return subprocess.run(
        [sys.executable, "-m", "engine", *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, env=os.environ
    )


@pytest.fixture
def said(capsys):
    """Run a command in this process; returns (exit code, stdout, stderr)."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def small(encoder, sentences):
    """The arguments of a quick training run."""
    quick = [f"--set={pair}" for pair in ("batch_size=8", "learning_rate=5e-3", "max_length=32", "epsilon=0.2")]
    return ["--dataset", sentences, "--model", encoder, "--max-steps", 12, *quick]


def test_train_trace_table_and_runs_end_to_end(said, small):
    done = call("train", "--method", "textat", *small, "--seed", 1, "--name", "first", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert {"run", "dir", "method", "steps", "seconds", "metrics", "status"} <= set(document)
    assert (document["status"], document["steps"], document["method"]) == ("completed", 12, "textat")
    assert Path(document["dir"]).is_dir()
    code, out, _ = said("runs", "--json")
    assert code == 0
    assert [run["run"] for run in json.loads(out)] == [document["run"]]
    code, out, _ = said(
        "trace", "--text", "a dull film", "--run", "first", "--method", "textat", "--steps", 2, "--json"
    )
    found = json.loads(out)
    assert len(found["loss"]) == 3
    assert found["tokens"] == ["[CLS]", "a", "dull", "film", "[SEP]"]
    code, out, _ = said("table", "--run", document["run"], "--top", 3, "--json")
    assert len(json.loads(out)["rows"]) == 3
    largest = json.loads(out)["rows"][0]
    _, out, _ = said("table", "--run", "first", "--token", largest["token"], "--json")
    one = json.loads(out)
    assert one["norm"] == pytest.approx(largest["norm"]) and one["count"] == largest["count"]
    assert set(one["neighbours"]) == {"Z", "embedding", "embedding + Z"}
    for verb in (["runs"], ["trace", "--text", "dull", "--run", "first"], ["table", "--run", "first"]):
        code, out, _ = said(*verb)
        assert code == 0
        assert out.strip()


def test_lists(said):
    code, out, _ = said("methods", "--json")
    found = {each["name"]: each for each in json.loads(out)}
    by_year = "vanilla fgm pgd vat freeat alum awp freelb smart textat asam hotflip r3f ranmask sam creat neftune"
    assert list(found) == by_year.split()
    assert found["freelb"]["cost"] == 3.0
    assert found["smart"]["settings"]["epsilon"]["default"] == 1e-5
    names = [each["name"] for each in json.loads(said("datasets", "--json")[1])]
    assert {"movie-sentiment", "movie-rating", "reviews-zh"} <= set(names)
    assert json.loads(said("models", "--json")[1])[0]["name"] == "minilm"
    for verb in ("methods", "datasets", "models", "runs"):
        code, out, _ = said(verb)
        assert (code, bool(out.strip())) == (0, True)


BAD = {
    "unknown method": (["train", "--method", "fgsm", "--dataset", "movie-sentiment"], "Unknown method"),
    "unknown data set": (["train", "--method", "pgd", "--dataset", "nothing"], "Unknown data set"),
    "missing file": (["train", "--method", "pgd", "--dataset", "gone.tsv"], "There is no file"),
    "unknown model": (["train", "--method", "pgd", "--dataset", "{data}", "--model", "no-such"], "cannot be loaded"),
    "no steps": (["train", "--method", "pgd", "--dataset", "{data}", "--max-steps", "0"], "max_steps"),
    "steps in words": (["train", "--method", "pgd", "--dataset", "{data}", "--max-steps", "ten"], "max_steps"),
    "negative radius": (["train", "--method", "pgd", "--dataset", "{data}", "--set", "epsilon=-1"], "epsilon"),
    "no such setting": (["train", "--method", "pgd", "--dataset", "{data}", "--set", "epsilom=1"], "Unknown setting"),
    "no value": (["train", "--method", "pgd", "--dataset", "{data}", "--set", "epsilon"], "key=value"),
    "binary file": (["train", "--method", "pgd", "--dataset", "{binary}"], "binary"),
    "missing columns": (["train", "--method", "pgd", "--dataset", "{columns}"], "label column"),
    "labels out of range": (["train", "--method", "pgd", "--dataset", "{labels}"], "out of range"),
    "no weights": (["train", "--method", "pgd", "--dataset", "{data}", "--model", "{folder}"], "no config.json"),
    "pickle": (["train", "--method", "pgd", "--dataset", "{data}", "--model", "{pickle}"], "refused"),
    "empty text": (["trace", "--text", "  "], "empty"),
    "text that cannot be seen": (["trace", "--text", "\u200b\u2060 \ufeff"], "empty"),
    "no such block": (["train", "--method", "pgd", "--dataset", "{data}", "--model", "{encoder}", "--set", "site=layer:99"], "layer:99"),
    "trace steps": (["trace", "--text", "a", "--steps", "-1"], "steps must be a whole number from 0 to 50"),
    "trace radius": (["trace", "--text", "a", "--set", "epsilon=-1"], "epsilon"),
    "trace label": (["trace", "--text", "a", "--label", "9", "--model", "{classifier}"], "out of range"),
    "no such run": (["trace", "--text", "a", "--run", "nope"], "There is no run"),
    "no run to cancel": (["cancel", "nope"], "There is no run"),
    "no run to resume": (["resume", "nope"], "There is no run"),
    "radii": (["robustness", "--epsilons", "0.1,x"], "1 to 40 numbers"),
    "table rows": (["table", "--run", "x", "--top", "0"], "top must be a whole number from 1"),
    "table of no run": (["table", "--run", "x", "--map", "Z"], "There is no run"),
    "no verb": ([], "See: python -m engine --help"),
    "unknown verb": (["dance"], "See: python -m engine"),
    "unknown flag": (["runs", "--loud"], "See: python -m engine runs --help"),
    "run and model": (["trace", "--text", "a", "--run", "x", "--model", "y"], "not allowed with"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line_and_exit_code_2(said, case, tmp_path, sentences, encoder):
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "columns.tsv").write_text("words\tclass\na\t0\n")
    (tmp_path / "labels.tsv").write_text("sentence\tlabel\n" + "".join(f"s {p}\t{3 * (p % 2)}\n" for p in range(60)))
    (tmp_path / "folder").mkdir()
    (tmp_path / "pickle").mkdir()
    (tmp_path / "pickle" / "config.json").write_text((encoder / "config.json").read_text())
    torch.save({"a": torch.zeros(1)}, tmp_path / "pickle" / "pytorch_model.bin")
    places = {
        "data": sentences, "binary": tmp_path / "binary.csv", "columns": tmp_path / "columns.tsv",
        "labels": tmp_path / "labels.tsv", "encoder": encoder, "folder": tmp_path / "folder", "pickle": tmp_path / "pickle",
    }  # fmt: skip
    arguments, words = BAD[case]
    if "{classifier}" in arguments:
        from engine.data.tasks import Task
        from engine.models import load_model

        made = load_model(str(encoder), Task("t", "classification", ("a", "b")))
        places["classifier"] = tmp_path / "classifier"
        made.model.save_pretrained(places["classifier"])
        made.tokenizer.save_pretrained(places["classifier"])
    code, out, err = said(*[argument.format(**places) for argument in arguments])
    assert code == 2
    assert out == ""
    assert words in err
    assert len(err.strip().splitlines()) == 1, err
    assert "Traceback" not in err
    # Nothing half-written stays behind.
    assert Store().all() == []
    assert not list((home() / "runs").glob("*"))


def test_the_contract_holds_for_a_real_process():
    done = call("train", "--method", "fgsm", "--dataset", "movie-sentiment")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Unknown method 'fgsm'.")
    assert len(done.stderr.splitlines()) == 1


def test_a_text_that_is_too_long_is_cut_and_said(said, small):
    call("train", "--method", "vanilla", *[each for each in small if "epsilon" not in str(each)], "--name", "m")
    code, out, err = said("trace", "--text", "very good film " * 3400, "--run", "m", "--steps", "1", "--json")
    assert code == 0
    assert json.loads(out)["truncated"]
    assert "reads the first 64 of its" in err


def test_detached_runs_are_queued_cancelled_and_resumed(said, small):
    code, out, _ = said("train", "--method", "freelb", *small[:4], "--max-steps", 4000, "--detach", "--json")
    run = json.loads(out)["run"]
    try:
        assert json.loads(out)["status"] == "starting"
        code, out, _ = said("train", "--method", "freelb", *small, "--detach", "--json")
        waiting = json.loads(out)
        assert waiting["status"] == "queued"
        assert said("cancel", waiting["run"])[0] == 0
    finally:
        assert said("cancel", run)[0] == 0
    import time

    for _ in range(600):
        if Store().get(run).status not in ("starting", "running"):
            break
        time.sleep(0.1)
    assert Store().get(run).status == "cancelled"
    code, out, _ = said("resume", waiting["run"], "--json")
    assert code == 0
    assert json.loads(out)["status"] == "completed"
    code, _, err = said("resume", waiting["run"])
    assert (code, "can be resumed" in err) == (2, True)
