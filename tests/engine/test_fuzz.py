"""The command line and everything that reads a file, under thousands of odd inputs: an answer or one line, no traceback."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.notebook.export.jupyter import from_ipynb, to_ipynb
from engine import cli
from engine.data.files import load_file
from engine.data.glue import PREFIX
from engine.errors import UserError
from engine.methods import METHODS
from engine.models import load_model
from engine.notebook.cells import Content
from engine.runs.config import TrainConfig
from engine.studies.studies import cells, read_study
from tests import tiny

VERBS = [
    "methods", "datasets", "models", "train", "runs", "cancel", "resume", "study", "trace", "table", "smoothness",
    "landscape", "attribution", "flip", "examples", "map", "robustness", "attack", "mask", "detect", "", "Train", "train ",
]  # fmt: skip
FLAGS = [
    "--method", "--dataset", "--model", "--max-steps", "--seed", "--name", "--data-dir", "--set", "--detach", "--json",
    "--format", "--results", "--text", "--run", "--steps", "--limit", "--split", "--restarts", "--schedule", "--search",
    "--similar", "--strategy", "--halve-batch", "--points", "--help", "--no-such", "-x", "--", "-", "--preset", "--top",
    "--text-column", "--pair-column", "--label-column", "--label-kind", "--epsilon", "--epsilons", "--share", "--temperature",
    "--towards", "--token", "--map", "--text-pair", "--label", "--algorithm",
]  # fmt: skip
ODD = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "-1",
            "0",
            "1e999",
            "nan",
            "inf",
            "99999999999999999999",
            "latest",
            "movie",
            "../..",
            "/",
            "a" * 3000,
            "",
            "\udcff",
            "a\udc80b",
            str(10**20),
            str(2**63),
            "~x",
            "~nosuch/y",
            "/dev/zero",
            "/dev/null",
            "/dev/stdin",
            "/proc",
            "x" * 300 + ".tsv",
            "\0",
            "1_0",
            "٣",
            "?label_kind=x",
            "a.csv?b=c",
        ]
    ),
    st.sampled_from([f"{PREFIX}{name}" for name in ("mrpc", "nope", "", "mrpc@/nowhere")]),
    st.tuples(st.sampled_from([*TrainConfig.names(), "epsilon", "step_size", "x"]), st.text(max_size=10)).map("=".join),
    st.sampled_from(METHODS.names()),
)


def repeated(count, *strategies):
    """Run a check on that many generated inputs."""
    return lambda check: settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )(given(*strategies)(check))()


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setattr("engine.model_names.hub_knows", lambda path: False)
    monkeypatch.setattr("engine.data.sources._from_hub", refuse)


def refuse(*_, **__):
    raise UserError("no network")


@pytest.mark.long(short=600, full=6000)
def test_the_command_line(amount):
    @repeated(
        amount,
        st.sampled_from(VERBS),
        st.lists(st.tuples(st.sampled_from(FLAGS), st.lists(ODD, max_size=2)), max_size=4),
    )
    def check(verb, pairs):
        arguments = [verb, *(word for flag, values in pairs for word in (flag, *values))]
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code = cli.main([*arguments, "--model", "/nowhere"] if verb not in ("", "runs") else arguments)
            except SystemExit as ended:  # argparse's --help.
                code = ended.code
        assert code in (0, 2), (arguments, code)
        if code == 2:
            assert len(err.getvalue().splitlines()) == 1, (arguments, err.getvalue())
        assert "Traceback" not in err.getvalue()


def damaged(content):
    """The bytes with a few of them cut away, changed, doubled or put in."""
    place = st.integers(0, len(content))
    edits = st.lists(
        st.tuples(st.sampled_from(["cut", "put", "flip", "double"]), place, st.binary(min_size=1, max_size=6)),
        min_size=1,
        max_size=4,
    )

    def edit(steps):
        made = bytearray(content)
        for kind, at, new in steps:
            if kind == "cut":
                del made[at : at + 10 * len(new)]
            elif kind == "put":
                made[at:at] = new
            elif kind == "flip":
                made[at : at + len(new)] = new
            else:
                made[at:at] = made[at : at + 50]
        return bytes(made)

    return edits.map(edit)


def plain_rows(suffix):
    table = pd.DataFrame(
        {"sentence": [f"film {place}" for place in range(60)], "label": [place % 2 for place in range(60)]}
    )
    if suffix == ".parquet":
        return table.to_parquet()
    if suffix == ".jsonl":
        return table.to_json(orient="records", lines=True).encode()
    return table.to_csv(index=False, sep="\t" if suffix == ".tsv" else ",").encode()


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl", ".parquet"])
@pytest.mark.long(short=100, full=700)
def test_damaged_data_files(suffix, amount, tmp_path):
    path = tmp_path / f"data{suffix}"

    @repeated(amount, damaged(plain_rows(suffix)))
    def check(content):
        path.write_bytes(content)
        try:
            assert len(load_file(path).splits["train"])
        except UserError as problem:
            assert "\n" not in str(problem)


STUDY = b"name: s\nmethods: [vanilla, pgd]\nseeds: [0, 1]\nsettings:\n  pgd:\n    epsilon: [0.1, 0.2]\nrun:\n  max_steps: 5\n"


@pytest.mark.long(short=100, full=500)
def test_damaged_studies(amount, tmp_path):
    @repeated(amount, damaged(STUDY))
    def check(content):
        (tmp_path / "s.yaml").write_bytes(content)
        try:
            assert cells(read_study(tmp_path / "s.yaml"))
        except UserError as problem:
            assert "\n" not in str(problem)


@pytest.mark.long(short=100, full=500)
def test_damaged_notebooks(amount):
    whole = to_ipynb("mine", [Content(note="a note with $x$"), Content(note="and one more")])

    @repeated(amount, damaged(whole))
    def check(content):
        try:
            from_ipynb(content)
        except UserError as problem:
            assert "\n" not in str(problem)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.long(short=12, full=70)
def test_damaged_models(file, amount, tmp_path):
    path = tiny.save_encoder(tmp_path / "encoder") / file
    whole = path.read_bytes()

    @repeated(amount, damaged(whole if file != "model.safetensors" else whole[:3000]))
    def check(content):
        path.write_bytes(content + (whole[3000:] if file == "model.safetensors" else b""))
        try:
            load_model(str(path.parent))
        except UserError as problem:
            assert "\n" not in str(problem)


def test_the_damage_does_damage():
    """The inputs above are really odd: most of the damaged files are refused."""
    seen = []

    @repeated(100, damaged(json.dumps({"a": "a long text " * 9, "b": [1, 2]}).encode()))
    def check(content):
        try:
            json.loads(content)
            seen.append(True)
        except ValueError:
            seen.append(False)

    assert 0 < sum(seen) < len(seen) / 2
