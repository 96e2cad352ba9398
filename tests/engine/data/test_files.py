"""Data files of all kinds, and what is said of those that cannot be used."""

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.files import load_file, read_table
from engine.data.tasks import SPLITS
from engine.errors import UserError
from tests import tiny


def write(table, path):
    """A table in the format that the path's ending says."""
    {
        ".tsv": lambda: table.to_csv(path, sep="\t", index=False),
        ".csv": lambda: table.to_csv(path, index=False),
        ".jsonl": lambda: table.to_json(path, orient="records", lines=True),
        ".parquet": lambda: table.to_parquet(path),
    }[path.suffix]()
    return path


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize(
    "columns", [("sentence",), ("sentence1", "sentence2"), ("question", "sentence"), ("premise", "hypothesis")]
)
def test_every_format_and_layout(tmp_path, suffix, columns):
    table = pd.DataFrame({name: [f"{name}, no. {place}" for place in range(90)] for name in columns})
    table["label"] = [place % 2 for place in range(90)]
    data = load_file(write(table, tmp_path / f"data{suffix}"))
    assert data.task.kind == "classification"
    assert data.task.label_names == ("0", "1")
    assert data.is_pair == (len(columns) == 2)
    rows = pd.concat([data.splits[split] for split in SPLITS])
    assert sorted(rows["text"]) == sorted(table[columns[0]])
    by_text = dict(zip(table[columns[0]], table["label"], strict=True))
    assert all(by_text[text] == label for text, label in zip(rows["text"], rows["label"], strict=True))


def test_scores_are_regression_and_words_are_classes(tmp_path):
    texts = [f"text {place}" for place in range(60)]
    scores = load_file(write(pd.DataFrame({"text": texts, "score": [p / 7 for p in range(60)]}), tmp_path / "a.csv"))
    assert scores.task.kind == "regression"
    assert scores.task.main_metric == "pearson"
    words = load_file(
        write(pd.DataFrame({"text": texts, "label": ["yes" if p % 2 else "no" for p in range(60)]}), tmp_path / "b.csv")
    )
    assert words.task.label_names == ("no", "yes")


def test_a_folder_as_glue_lays_it_out(tmp_path):
    for split, count in (("train", 30), ("dev", 10)):
        (tmp_path / f"{split}.tsv").write_text(tiny.sentences(count, seed=count))
    (tmp_path / "test.tsv").write_text("sentence\tlabel\nno label here\t-1\n")
    data = load_file(tmp_path)
    assert {split: len(table) for split, table in data.splits.items()} == {"train": 30, "validation": 10}


def test_bare_quotes_in_a_tsv_are_text(tmp_path):
    path = tmp_path / "quotes.tsv"
    path.write_text("sentence\tlabel\n" + "".join(f'He said "no {place}\t{place % 2}\n' for place in range(60)))
    assert len(read_table(path)) == 60


BAD = {
    "binary.csv": (bytes(range(256)) * 20, "is a binary file"),
    "latin.csv": (b"sentence,label\n" + b"\xe9t\xe9,0\n" * 50, "UTF-8"),
    "columns.tsv": (b"words\tclass\na\t0\n", "needs a label column"),
    "empty.csv": (b"", "not a readable CSV table"),
    "header.csv": (b"sentence,label\n", "has no rows"),
    "gap.csv": ("sentence,label\n" + "".join(f"s {p},{2 * (p % 2)}\n" for p in range(60)), "labels out of range: found 0, 2"),
    "negative.csv": ("sentence,label\n" + "".join(f"s {p},{p % 2 - 1}\n" for p in range(60)), "labels out of range"),
    "one.csv": ("sentence,label\n" + "".join(f"s {p},0\n" for p in range(60)), "1 different values"),
    "few.csv": (b"sentence,label\na,0\nb,1\n", "too few rows"),
    "unlabelled.csv": ("sentence,label\n" + "".join(f"s {p},{'' if p % 3 else 1}\n" for p in range(60)), "have no label"),
    "blank.csv": ("sentence,label\n" + "  ,0\n" * 60, "every text is empty"),
    "broken.jsonl": (b'{"sentence": "a"', "not a readable JSONL table"),
    "broken.parquet": (b"PAR1 and then nothing", "not a readable PARQUET table"),
    "ragged.csv": (b"sentence,label\na,b,c,d,e\nf,g\n", "ragged.csv"),
    "notes.docx": (b"text", "files must end in"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gives_one_line_that_says_why(tmp_path, name):
    content, words = BAD[name]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=words) as problem:
        load_file(path)
    assert "\n" not in str(problem.value)
    assert name.split(".")[0] in str(problem.value)


def test_labels_of_validation_must_be_those_of_training(tmp_path):
    (tmp_path / "train.tsv").write_text("sentence\tlabel\n" + "".join(f"s {p}\t{p % 2}\n" for p in range(20)))
    (tmp_path / "dev.tsv").write_text("sentence\tlabel\nx\t7\n")
    with pytest.raises(UserError, match="validation has 7"):
        load_file(tmp_path)


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from([".tsv", ".csv", ".jsonl", ".parquet"]),
    st.binary(max_size=400) | st.text(max_size=400).map(str.encode),
)
def test_any_bytes_give_data_or_one_line(tmp_path_factory, suffix, content):
    path = tmp_path_factory.mktemp("any") / f"any{suffix}"
    path.write_bytes(content)
    try:
        data = load_file(path)
    except UserError as problem:
        assert "\n" not in str(problem)
    else:
        assert len(data.splits["train"])


def test_json_values_that_are_not_text_are_read_as_text(tmp_path):
    path = tmp_path / "odd.jsonl"
    path.write_text("\n".join(json.dumps({"text": ["a", place], "label": place % 2}) for place in range(60)))
    assert load_file(path).splits["train"]["text"].str.startswith("[").all()
