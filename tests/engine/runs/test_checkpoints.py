"""Checkpoints that are not what was written: each kind of damage is seen, said, and gone around."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from engine import manifest
from engine.errors import UserError
from engine.runs.execution import execute
from engine.runs.store import Store
from engine.subjects.classifier import load_classifier
from tests import tiny
from tests.engine.runs.test_queue import config

SETTINGS = {"method": "textat", "max_steps": 12, "settings": {"checkpoints": 5, "evaluations": 3}}


class Killed(Exception):
    """In the place of kill -9."""


def killed(made, step):
    """A run of a configuration that was killed at a step."""
    run = Store().create(made.as_dict(), status="starting")

    def kill(self, args, state, control, **_):
        if state.global_step == step:
            raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("engine.runs.recorder.Cancellation.on_step_end", kill)
        with pytest.raises(Killed):
            execute(run.id)
    assert Store().get(run.id).status == "crashed"
    return run


@pytest.fixture(scope="module")
def kept(encoder, tmp_path_factory):
    """A stopped run's home folder, to be copied; and the weights of a run that was never stopped."""
    folder = tmp_path_factory.mktemp("kept")
    (folder / "sentences.tsv").write_text(tiny.sentences(240))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DELTABOOK_HOME", str(folder / "home"))
        run = killed(config(encoder, folder / "sentences.tsv", **SETTINGS), 9)  # Of 12, with checkpoints at 6 and 8.
        made = config(encoder, folder / "sentences.tsv", **SETTINGS)
        whole = execute(Store().create(made.as_dict(), status="starting").id)
        weights = [load_file(whole.model_folder / f"{name}.safetensors") for name in ("model", "method")]
    return folder, run.id, weights


@pytest.fixture
def run(kept, tmp_path):
    shutil.copytree(kept[0] / "home", tmp_path / "home", dirs_exist_ok=True)
    return Store().get(kept[1])


def truncate(file):
    file.write_bytes(file.read_bytes()[:-5])


def alter(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(bytes(content))


DAMAGE = {
    "missing": lambda file: file.unlink(),
    "truncated": truncate,
    "altered": alter,
    "empty": lambda file: file.write_bytes(b""),
}
FILES = [
    "method.safetensors", "optimizer.pt", "rng_state.pth", "model.safetensors", "scheduler.pt", "trainer_state.json",
    manifest.MANIFEST,
]  # fmt: skip


def test_two_whole_checkpoints_are_kept(run):
    folders = sorted((run.folder / "checkpoints").iterdir())
    assert [each.name for each in folders] == ["checkpoint-6", "checkpoint-8"]
    for folder in folders:
        assert manifest.damage(folder) == ""
        assert set(FILES) <= {each.name for each in folder.iterdir()}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", DAMAGE)
def test_every_damage_of_every_file_is_seen(run, file, damage):
    DAMAGE[damage](run.folder / "checkpoints" / "checkpoint-8" / file)
    found, problems = run.sound_checkpoint()
    assert found.name == "checkpoint-6"
    assert len(problems) == 1 and problems[0].startswith("checkpoint-8 is damaged: ")
    assert file == manifest.MANIFEST or file in problems[0]
    if damage != "altered" and file != manifest.MANIFEST:
        assert run.last_checkpoint.name == "checkpoint-6"  # Seen by the sizes alone.


@pytest.mark.parametrize("bad", [["checkpoint-8"], ["checkpoint-6", "checkpoint-8"]])
def test_a_run_goes_on_before_the_damage_and_ends_as_if_there_had_been_none(run, kept, bad, capsys):
    for name in bad:
        (run.folder / "checkpoints" / name / "method.safetensors").unlink()
    Store().update(run.id, status="starting")
    done = execute(run.id)
    assert done.status == "completed" and done.step == 12
    where = "at step 0" if len(bad) == 2 else "from checkpoint-6"
    assert f"It goes on {where}: " in done.message and "method.safetensors is missing" in done.message
    assert done.message in capsys.readouterr().err
    for expected, name in zip(kept[2], ("model", "method"), strict=True):
        found = load_file(done.model_folder / f"{name}.safetensors")
        assert all(torch.equal(expected[key], found[key]) for key in expected)
    assert [step for step, _ in Store().figures(run.id)["loss"]] == list(range(1, 13))


def test_a_damaged_file_of_a_finished_run_is_one_line(run):
    Store().update(run.id, status="starting")
    done = execute(run.id)
    truncate(done.model_folder / "method.safetensors")
    with pytest.raises(UserError, match="is damaged"):
        load_classifier(run=run.id)
    truncate(done.model_folder / "model.safetensors")
    with pytest.raises(UserError, match="cannot be loaded"):
        load_classifier(run=run.id)


def test_a_manifest_is_of_the_files_themselves(tmp_path):
    (tmp_path / "a").write_text("one")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "b").write_text("two")
    assert manifest.damage(tmp_path) == "it was not written to its end"
    manifest.write(tmp_path)
    assert set(json.loads((tmp_path / manifest.MANIFEST).read_text())) == {"a", "inner/b"}
    (tmp_path / "inner" / "b").write_text("TWO")
    assert manifest.damage(tmp_path, sizes_only=True) == ""
    assert manifest.damage(tmp_path) == "inner/b is not what was written"
