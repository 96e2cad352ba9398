"""A tiny classifier, loaded from a folder as any other."""

import pandas as pd
import pytest
import torch

from engine.data.tasks import Task
from engine.models import load_model
from engine.subjects.classifier import load_classifier
from tests import tiny


def load(encoder, folder, task):
    """A classifier with weights large enough that its output bends."""
    made = load_model(str(encoder), task, seed=2)
    with torch.no_grad():
        for parameter in made.model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(6)
    made.model.save_pretrained(folder)
    made.tokenizer.save_pretrained(folder)
    return load_classifier(str(folder))


@pytest.fixture(scope="session")
def classifier(encoder, tmp_path_factory):
    task = Task("t", "classification", ("bad", "good"))
    return load(encoder, tmp_path_factory.mktemp("classifier"), task)


@pytest.fixture(scope="session")
def regressor(encoder, tmp_path_factory):
    return load(encoder, tmp_path_factory.mktemp("regressor"), Task("t", "regression"))


@pytest.fixture(scope="session")
def table():
    """Forty sentences with their labels."""
    rows = [line.split("\t") for line in tiny.sentences(40).splitlines()[1:]]
    return pd.DataFrame({"text": [row[0] for row in rows], "label": [int(row[1]) for row in rows]})


@pytest.fixture
def data(table, tmp_path):
    """The table as a file whose labels are the classifier's class names."""
    path = tmp_path / "named.tsv"
    rows = [f"{text}\t{('bad', 'good')[label]}\n" for text, label in zip(table["text"], table["label"], strict=True)]
    path.write_text("sentence\tlabel\n" + "".join(rows))
    return str(path)
