"""Runs as TensorBoard's logs, read back record by record."""

import io
import struct
import zipfile

import pytest
from tensorboardX.proto.event_pb2 import Event

from engine.errors import UserError
from engine.runs import tensorboard
from engine.runs.config import TrainConfig
from engine.runs.store import Store

LOGGED = {"loss": [(1, 0.7), (2, 0.6), (5, 0.25)], "eval_accuracy": [(5, 0.8)]}


def events(data):
    """The records of a log: length, its checksum, the record, its checksum (TFRecord)."""
    file = io.BytesIO(data)
    while head := file.read(12):
        (length,) = struct.unpack("<Q", head[:8])
        event = Event()
        event.ParseFromString(file.read(length))
        file.read(4)
        yield event


def scalars(data):
    found = {}
    for event in events(data):
        for value in event.summary.value:
            if value.WhichOneof("value") == "simple_value":
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


@pytest.fixture
def run():
    made = Store().create(TrainConfig.build({"method": "pgd", "dataset": "a.tsv"}).as_dict())
    for name, points in LOGGED.items():
        for step, value in points:
            Store().log(made.id, step, {name: value})
    return made


def expected():
    return {name: [(step, pytest.approx(value)) for step, value in points] for name, points in LOGGED.items()}


def test_every_figure_at_its_step_and_time_once_however_often_it_is_written(run, tmp_path):
    for _ in range(2):
        tensorboard.write([run], tmp_path)
    (file,) = (tmp_path / run.id).iterdir()
    data = file.read_bytes()
    assert scalars(data) == expected()
    times = [event.wall_time for event in events(data) if event.summary.value]
    assert all(run.created <= time <= run.created + 60 for time in times)
    assert b'"method": "pgd"' in data


def test_as_a_zip(run):
    with zipfile.ZipFile(io.BytesIO(tensorboard.zipped([run]))) as archive:
        (name,) = [each for each in archive.namelist() if "tfevents" in each]
        assert name.startswith(f"{run.id}/")
        assert scalars(archive.read(name)) == expected()


def test_a_folder_that_cannot_be_written(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        tensorboard.write([run], tmp_path / "file")
