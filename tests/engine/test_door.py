"""Odd arguments at the door of the command line: one line, exit code 2, no traceback, and no hang."""

import os
import subprocess
import sys

import pytest

from engine.cli import main
from engine.errors import UserError
from engine.home import home
from engine.studies.studies import cells, read_study
from tests.engine.test_cli import ROOT

HUGE = str(10**20)
TRACE = ["trace", "--text", "a good film"]
ODD = {
    "a seed that no generator takes": ([*TRACE, "--seed", HUGE], "from 0 to 4294967295"),
    "a seed below 0": ([*TRACE, "--seed", "-1"], "from 0 to 4294967295"),
    "a seed below 0 of a data set": (["smoothness", "--seed", "-1"], "from 0 to 4294967295"),
    "a seed below 0 of a training": (["train", "--method", "pgd", "--dataset", "movie-sentiment", "--seed", "-1"], "seed"),
    "a huge seed of a training": (["train", "--method", "pgd", "--dataset", "movie-sentiment", "--seed", HUGE], "seed"),
    "a huge seed of a mask": (["mask", "--text", "a film", "--seed", HUGE], "from 0 to"),
    "a huge number of steps": ([*TRACE, "--steps", HUGE], "whole number from 0 to 50"),
    "a huge number of examples": (["examples", "--limit", HUGE], "whole number from 1"),
    "no example": (["examples", "--limit", "0"], "whole number from 1"),
    "a radius that is no number": (["landscape", "--text", "a", "--epsilon", "nan"], "must be a number"),
    "an infinite radius": (["landscape", "--text", "a", "--epsilon", "inf"], "must be a number"),
    "a share that is no number": (["detect", "--text", "a", "--share", "nan"], "must be a number"),
    "a label out of 64 bits": ([*TRACE, "--label", HUGE], "out of range"),
    "a home folder of nobody": (["train", "--method", "pgd", "--dataset", "~nosuch/x.tsv"], "no user 'nosuch'"),
    "a model in a home folder of nobody": ([*TRACE, "--model", "~nosuch"], "~nosuch is not one"),
    "a path that is too long": (["train", "--method", "pgd", "--dataset", "x" * 300 + ".tsv"], "File name too long"),
    "a long path to a model": ([*TRACE, "--model", "/" + "x" * 5000], "must be a folder"),
    "a NUL": (["train", "--method", "pgd", "--dataset", "a\0b.tsv"], "a\\x00b.tsv"),
    "not UTF-8": (["train", "--method", "pgd", "--dataset", "\udcff.tsv"], "Argument 5 is not text in UTF-8"),
    "text that is not UTF-8": (["trace", "--text", "good \udc80"], "Argument 3 is not text in UTF-8"),
    "a device as data": (["train", "--method", "pgd", "--dataset", "/dev/zero"], "files must end in"),
    "a device as a model": ([*TRACE, "--model", "/dev/zero"], "must be a folder"),
    "a device as word vectors": (["mask", "--text", "a film", "--similar", "/dev/zero"], "device, pipe"),
    "a device as a study": (["study", "/dev/zero"], "must end in .toml, .yaml, .yml"),
    "nothing as a study": (["study", ""], "must end in"),
    "an empty model": ([*TRACE, "--model", ""], ""),
    "an unknown way of reading": (["examples", "--dataset", "x.csv?colour=red"], "way of reading 'colour'"),
    "an unknown kind of labels": (["examples", "--label-kind", "numbers"], "label kind 'numbers'"),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_odd_arguments_are_one_line(case, small, capsys, monkeypatch):
    monkeypatch.setattr("engine.model_names.hub_knows", lambda path: False)
    arguments, words = ODD[case]
    needs_model = arguments[0] in ("trace", "landscape") and "--model" not in arguments
    code = main([*arguments, *(["--model", str(small)] if needs_model else [])])
    out, err = capsys.readouterr()
    if case == "an empty model":
        assert code in (0, 2)
        return
    assert code == 2 and out == ""
    assert words in err and len(err.splitlines()) == 1, err
    assert "Traceback" not in err


def test_a_study_is_looked_at_before_it_is_read(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.toml").symlink_to("/dev/zero")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "large.yaml").write_text("x" * (2**20 + 1))
    for name, words in (
        ("pipe.yaml", "device, pipe"), ("zero.toml", "device, pipe"), ("folder.yaml", "is a folder"), ("large.yaml", "at most"),
    ):  # fmt: skip
        assert main(["study", str(tmp_path / name)]) == 2
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        f"methods: [pgd]\nseeds: {list(range(200_000))}\n",
        f"methods: [pgd]\nsettings:\n  pgd:\n    epsilon: {list(range(1, 2000))}\n    step_size: {list(range(1, 2000))}\n",
        f"methods: [pgd]\ndatasets: {['movie-sentiment'] * 2000}\n",
    ],
)
def test_runs_of_a_study_are_counted_before_they_are_made(tmp_path, text, monkeypatch):
    if len(text) > 2**20:
        monkeypatch.setattr("engine.studies.studies.MOST_STUDY", 2**24)
    made = []
    monkeypatch.setattr("engine.studies.studies.TrainConfig.build", lambda *_: made.append(1))
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(UserError, match="more than 1000 runs"):
        cells(read_study(tmp_path / "s.yaml"))
    assert not made


def test_what_nobody_thought_of_is_one_line_with_a_way_to_report_it(capsys, monkeypatch):
    class Odd(Exception):
        pass

    for problem in (Odd(), Odd("two\nlines"), KeyError("x"), IndexError(), RecursionError("deep")):

        def fail(*_, problem=problem):
            raise problem

        monkeypatch.setattr("engine.commands.lists._models", fail)
        assert main(["models"]) == 2
        out, err = capsys.readouterr()
        assert out == "" and len(err.splitlines()) == 1
        assert type(problem).__name__ in err and "please report it" in err
    kept = sorted((home() / "errors").iterdir())
    assert kept and "Traceback" in kept[0].read_text() and "python -m engine models" in kept[0].read_text()


def test_bytes_that_are_no_text_reach_a_real_process():
    done = subprocess.run(
        [sys.executable.encode(), b"-m", b"engine", b"mask", b"--text", b"caf\xe9 good"], capture_output=True, cwd=ROOT
    )
    assert done.returncode == 2 and done.stdout == b""
    assert len(done.stderr.splitlines()) == 1 and b"Argument 3 is not text in UTF-8" in done.stderr


def test_an_empty_message_of_a_loader_does_no_harm(small, capsys, monkeypatch):
    def fail(*_, **__):
        raise ValueError

    monkeypatch.setattr("transformers.AutoConfig.from_pretrained", fail)
    assert main([*TRACE, "--model", str(small)]) == 2
    assert "cannot be loaded (ValueError)" in capsys.readouterr().err
