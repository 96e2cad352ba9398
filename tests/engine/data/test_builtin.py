"""The built-in data, read from the real packages."""

import shutil
import subprocess

import pytest

from engine.data import builtin
from engine.data.builtin import NEUTRAL_BELOW, TASKS, load_builtin, rated_sentences
from engine.data.tasks import SPLITS
from engine.errors import UserError
from engine.home import cache


@pytest.mark.parametrize("name", list(TASKS))
def test_every_data_set_loads_with_three_disjoint_splits(name):
    data = load_builtin(name)
    assert data.task.description
    assert "MIT" in data.task.source
    texts = [{" ".join(text.casefold().split()) for text in data.splits[split]["text"]} for split in SPLITS]
    assert all(texts)
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    labels = set(data.splits["train"]["label"])
    if data.task.kind == "classification":
        assert labels == {0, 1}
        assert data.majority_rate("validation") < 0.85
    else:
        assert min(labels) >= -4 and max(labels) <= 4 and len(labels) > 20


def test_movie_sentiment_is_the_sign_of_the_mean_rating_without_the_neutral():
    rated = rated_sentences("movie")
    assert len(rated) == 10_605
    expected = {
        (row.text, int(row.rating > 0)) for row in rated.itertuples() if not -NEUTRAL_BELOW < row.rating < NEUTRAL_BELOW
    }
    data = load_builtin("movie-sentiment")
    found = {(row.text, row.label) for split in SPLITS for row in data.splits[split].itertuples()}
    assert found == expected
    assert 0 < len(rated) - sum(len(data.splits[split]) for split in SPLITS) < len(rated) / 4


def test_chinese_reviews_have_no_text_under_both_labels():
    data = load_builtin("reviews-zh")
    seen = {}
    for split in SPLITS:
        for text, label in zip(data.splits[split]["text"], data.splits[split]["label"], strict=True):
            assert seen.setdefault(text, label) == label
    assert len(seen) > 17_000  # Of 35,124 lines; many stand there more than once.


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    rated_sentences("movie")  # Makes sure that the shared cache has the archive.
    kept = cache() / "rated" / "vaderSentiment-2.5.tar.gz"
    monkeypatch.setenv("DELTABOOK_CACHE", str(tmp_path / "cache"))
    return kept


def test_without_a_network_it_says_what_to_do(empty_cache, monkeypatch):
    calls = []

    def no_network(command, **_):
        calls.append(command)
        return subprocess.CompletedProcess(command, 1, "", "ERROR: Could not find a version")

    monkeypatch.setattr(builtin.subprocess, "run", no_network)
    with pytest.raises(UserError, match=r"could not be fetched.*put that file.*reviews-zh"):
        load_builtin("movie-sentiment")
    assert len(calls) == 3
    assert "--require-hashes" in calls[0]
    assert len(load_builtin("reviews-zh").splits["train"])


def test_a_file_put_there_by_hand_is_used_only_if_it_is_the_right_one(empty_cache):
    folder = cache() / "rated"
    folder.mkdir(parents=True)
    (folder / "vaderSentiment-2.5.tar.gz").write_bytes(b"something else")
    with pytest.raises(UserError, match="SHA-256"):
        load_builtin("movie-sentiment")
    shutil.copy(empty_cache, folder)
    assert len(rated_sentences("movie")) == 10_605
