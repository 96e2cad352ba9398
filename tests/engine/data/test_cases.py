"""Files of other people, each misread once: what is understood of them, or the one line that says why not."""

import json
import os
import time

import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.cli import main
from engine.data import rawtable
from engine.data.apart import examine
from engine.data.columns import Reading
from engine.data.files import load_file
from engine.data.sources import load_dataset, with_reading
from engine.errors import UserError

THINGS, WAYS = ["film", "book", "meal", "hotel", "song"], ["dull", "warm", "slow", "bright"]
COUNT = 120
QUOTE = chr(34)
TEXTS = [f"The {THINGS[at % 5]} of lot {at} was {WAYS[at % 4]} on day {at * 7 % 31}" for at in range(COUNT)]


def rows(head, line, delimiter=","):
    return delimiter.join(head) + "\n" + "".join(f"{line(at, text)}\n" for at, text in enumerate(TEXTS))


def at_5(value, usual):
    return lambda at, text: f"{text},{value if at == 5 else usual(at)}"


def two(at):
    return at % 2


# Name → content, and the words of the one line that refuses it.
REFUSED = {
    "unquoted_commas.csv": (rows(["label", "text"], lambda at, t: f"{at % 2},{'Well, ' * (at % 3 == 0)}{t}"), "line 2: 3 fields, but the head has 2"),
    "too_few_fields.tsv": (rows(["text", "label"], lambda at, t: t if at == 3 else f"{t}\t{at % 2}", "\t"), "line 5: 1 field, but the head has 2"),
    "open_quote.csv": (rows(["text", "label"], lambda at, t: f"{QUOTE * (at in (3, 8))}{t},{at % 2}"), "line 5: a quote"),
    "open_quote_at_the_end.csv": (rows(["text", "label"], lambda at, t: f"{QUOTE * (at == 117)}{t},{at % 2}"), "line 119: a quote"),
    "balanced_open_quotes.csv": (rows(["label", "text"], lambda at, t: f"{at % 2},{QUOTE * (at == 3)}{t}{QUOTE * (at == 9)}"), "line 5: the quote that opens here takes in 5 further lines"),
    "multi_hot.jsonl": ("".join(json.dumps({"text": t, "label": [at % 2, 1, 0]}) + "\n" for at, t in enumerate(TEXTS)), "line 1: the label .* is a list"),
    "multi_hot.csv": (rows(["text", "label"], lambda at, t: f"{t},{at % 2}|1|0"), "Several labels per text"),
    "duplicate_columns.csv": (rows(["Text", "text", "label"], lambda at, t: f"raw,{t},{at % 2}"), "'Text' and 'text'"),
    "duplicate_labels.csv": (rows(["text", "label", "LABEL "], lambda at, t: f"{t},1,{at % 2}"), "'label' and 'LABEL '"),
    "duplicate_keys.jsonl": ('{"text": "a", "label": 1, "label": 0}\n' * 40, "a key stands there twice"),
    "infinite_label.csv": (rows(["text", "label"], at_5("inf", two)), "line 7: the label 'inf' is not a finite number"),
    "infinite_score.csv": (rows(["text", "score"], at_5("-Infinity", lambda at: at / 7)), "line 7"),
    "one_word_among_numbers.csv": (rows(["text", "label"], at_5("good", two)), "line 7: the label 'good' is no number"),
    "rare_class.csv": (rows(["text", "label"], at_5("other", lambda at: ["ham", "spam"][at % 2])), "other has one example each, which cannot be split"),
    "few_texts.csv": ("text,label\n" + "".join(f"{THINGS[at % 5]} again,{at % 2}\n" for at in range(160)), "5 different texts"),
    "gap.csv": (rows(["text", "label"], lambda at, t: f"{t},{5 * (at % 2)}"), "labels out of range: found 0, 5.*--label-kind"),
    "minus_one.csv": (rows(["text", "label"], lambda at, t: f"{t},{2 * (at % 2) - 1}"), "labels out of range"),
    "mostly_unlabelled.csv": (rows(["text", "label"], lambda at, t: f"{t},{at % 2 if at % 4 == 0 else 'NA'}"), "90 of its 120 rows have no label"),
    "ids.csv": (rows(["text", "label"], lambda at, t: f"{t},user{at}x\n{t} again,user{at}x"), "too few examples to be split"),
    "text_only.csv": (rows(["text", "note"], lambda at, t: f"{t},x"), "needs a label column"),
    "wide.csv": ("a," * 100_000 + "\n" + "1," * 100_000 + "\n", "first line has more than 65,536 characters"),
    "columns.csv": (",".join(f"c{at}" for at in range(1100)) + "\n" + ",".join("1" * 1100) + "\n", "1,100 columns"),
    "many_keys.jsonl": ("".join(json.dumps({"text": "x", f"k{at}": 1}) + "\n" for at in range(20_000)), "more than 1,000 different keys"),
    "long_text.csv": ("text,label\n" + "x" * (2**20 + 1) + ",0\n", "line 2: a text has more than 1,048,576 characters"),
    "object.jsonl": ('{"text": {"a": 1}, "label": 1}\n' * 40, "is an object"),
    "not_an_object.jsonl": ("[1, 2]\n" * 40, "no object in braces"),
    "deep.jsonl": ("[" * 100_000 + "\n", "not a readable JSONL table"),
    "late_column.jsonl": ("".join(json.dumps({"text": f"t {at}"} | ({"label": 1} if at > 30 else {})) + "\n" for at in range(40)), "rows have no label"),
}  # fmt: skip

# Name → content, kind, names of classes, rows, and words of a note.
READ = {
    "backslash_quotes.csv": (rows(["text", "label"], lambda at, t: f'"They said \\"{t}\\" twice",{at % 2}'), "classification", ("0", "1"), 120, "escaped by backslashes"),
    "doubled_quotes.csv": (rows(["text", "label"], lambda at, t: f'"They said ""{t}"" twice",{at % 2}'), "classification", ("0", "1"), 120, ""),
    "float_classes.csv": (rows(["text", "label"], lambda at, t: f"{t},{at % 2}.0"), "classification", ("0", "1"), 120, "--label-kind scores"),
    "decimal_comma.tsv": (rows(["text", "label"], lambda at, t: f"{t}\t{at % 5},5", "\t"), "regression", (), 120, "decimal comma"),
    "stars.csv": (rows(["review", "stars"], lambda at, t: f"{t},{1 + at % 5}"), "classification", ("1", "2", "3", "4", "5"), 120, "count from 1"),
    "whole_scores.csv": (rows(["text", "score"], lambda at, t: f"{t},{2 * (at % 4)}.0"), "regression", (), 120, ""),
    "missing_words.csv": (rows(["text", "label"], lambda at, t: f"{t},{['NA', 'null', '-', 'NaN', 'n/a', ''][at // 2] if at < 12 and at % 2 else at % 2}"), "classification", ("0", "1"), 114, "6 rows without a label were left out .*line 3"),
    "snli.jsonl": ("".join(json.dumps({"sentence1": t, "sentence2": t[::-1], "gold_label": "-" if at % 10 == 4 else ["entailment", "neutral", "contradiction"][at % 3]}) + "\n" for at, t in enumerate(TEXTS)), "classification", ("contradiction", "entailment", "neutral"), 108, "12 rows without a label"),
    "null.jsonl": ("".join(json.dumps({"text": t, "label": None if at == 7 else at % 2}) + "\n" for at, t in enumerate(TEXTS)), "classification", ("0", "1"), 119, "1 rows without a label"),
    "trailing.csv": (rows(["text", "label", ""], lambda at, t: f"{t},{at % 2},"), "classification", ("0", "1"), 120, ""),
    "trailing_rows.csv": (rows(["text", "label"], lambda at, t: f"{t},{at % 2},"), "classification", ("0", "1"), 120, ""),
    "tabs.csv": (rows(["id", "sentence1", "sentence2", "label"], lambda at, t: f"{at}\t{t}, so\t{t}\t{at % 5}.2", "\t"), "regression", (), 120, "separated by tabs"),
    "semicolons.csv": (rows(["text", "label"], lambda at, t: f"{t}, yes;{at % 2}", ";"), "classification", ("0", "1"), 120, "separated by semicolons"),
    "commas.tsv": (rows(["text", "label"], lambda at, t: f"{t},{at % 2}"), "classification", ("0", "1"), 120, "separated by commas"),
    "quoted.tsv": (rows(["text", "label"], lambda at, t: f'"They said ""{t}"""\t{at % 2}', "\t"), "classification", ("0", "1"), 120, "between quotes"),
    "bare_quotes.tsv": (rows(["text", "label"], lambda at, t: f'They said "{t}\t{at % 2}', "\t"), "classification", ("0", "1"), 120, ""),
    "text_a_alone.tsv": (rows(["label", "text_a"], lambda at, t: f"{at % 2}\t{t}", "\t"), "classification", ("0", "1"), 120, "text: text_a"),
    "sentiment_column.csv": (rows(["review", "sentiment"], lambda at, t: f"{t},{['negative', 'positive'][at % 2]}"), "classification", ("negative", "positive"), 120, "label: sentiment"),
    "polarity.csv": (rows(["tweet", "polarity"], lambda at, t: f"{t},{at % 2}"), "classification", ("0", "1"), 120, "label: polarity"),
    "target.csv": (rows(["text", "target"], lambda at, t: f"{t},{at % 2}"), "classification", ("0", "1"), 120, "label: target"),
    "labels.csv": (rows(["text", "labels"], lambda at, t: f"{t},{at % 2}"), "classification", ("0", "1"), 120, "label: labels"),
    "empty_pair.tsv": (rows(["text_a", "text_b", "label"], lambda at, t: f"{t}\t\t{at % 2}", "\t"), "classification", ("0", "1"), 120, "is empty"),
    "several_lines.csv": (rows(["text", "label"], lambda at, t: f'"{t}.\nIt was late.\nYes, really",{at % 2}'), "classification", ("0", "1"), 120, "120 values run over several lines .*line 2"),
    "case.csv": (rows(["text", "label"], lambda at, t: f"{t},{['no', 'No', 'yes'][at % 3]}"), "classification", ("No", "no", "yes"), 120, "differ in case"),
    "none_is_a_class.csv": (rows(["text", "label"], lambda at, t: f"{t},{['none', 'favor', 'against'][at % 3]}"), "classification", ("against", "favor", "none"), 120, ""),
    "blank_texts.csv": (rows(["text", "label"], lambda at, t: f"{'  ' if at < 2 else t},{at % 2}"), "classification", ("0", "1"), 118, "2 rows without a text"),
}  # fmt: skip


def put(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_its_true_cause(tmp_path, name):
    content, words = REFUSED[name]
    began = time.monotonic()
    with pytest.raises(UserError, match=words) as problem:
        load_file(put(tmp_path, name, content))
    assert name.split(".")[0] in str(problem.value) and "\n" not in str(problem.value)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("name", READ)
def test_it_is_read_as_it_is_meant_and_that_is_said(tmp_path, name):
    content, kind, names, count, note = READ[name]
    data = load_file(put(tmp_path, name, content))
    assert (data.task.kind, data.task.label_names) == (kind, names)
    whole = pd.concat(data.splits.values())
    assert len(whole) == count
    texts = whole["text"].tolist() + whole.get("text_pair", pd.Series(dtype=str)).tolist()
    for at, text in enumerate(TEXTS):  # Every text is there, and whole.
        if count == COUNT:
            assert any(text in each for each in texts), at
    said = " ".join(data.described())
    assert not note or pd.Series([said]).str.contains(note).item(), said
    if name in ("backslash_quotes.csv", "doubled_quotes.csv"):
        assert f'They said "{TEXTS[0]}" twice' in texts
    if kind == "classification":
        assert f"{len(names)} classes: {names[0]} (" in said


def test_what_is_left_out_is_counted_and_nothing_else(tmp_path):
    path = put(tmp_path, "m.csv", READ["missing_words.csv"][0])
    data = load_file(path)
    whole = pd.concat(data.splits.values())
    assert sorted(set(TEXTS) - set(whole["text"])) == sorted(TEXTS[at] for at in range(1, 12, 2))


@pytest.mark.parametrize(
    "name, how, kind, names",
    [
        ("float_classes.csv", {"label_kind": "scores"}, "regression", ()),
        ("stars.csv", {"label_kind": "scores"}, "regression", ()),
        ("decimal_comma.tsv", {"label_kind": "classes"}, "classification", ("0,5", "1,5", "2,5", "3,5", "4,5")),
        ("duplicate_columns.csv", {"text_column": "text"}, "classification", ("0", "1")),
        ("gap.csv", {"label_kind": "classes"}, "classification", ("0", "5")),
        ("gap.csv", {"label_kind": "scores"}, "regression", ()),
    ],
)
def test_a_person_can_say_otherwise(tmp_path, name, how, kind, names):
    path = put(tmp_path, name, {**REFUSED, **READ}[name][0])
    data = load_dataset(with_reading(str(path), Reading(**how)))
    assert (data.task.kind, data.task.label_names) == (kind, names)
    assert sorted(pd.concat(data.splits.values())["text"]) == sorted(TEXTS)


def test_columns_of_any_name_can_be_chosen(tmp_path):
    path = put(
        tmp_path, "odd.csv", rows(["wort", "zwei", "urteil", "label"], lambda at, t: f"{t},{t[::-1]},{at % 3}.5,x")
    )
    how = Reading("wort", "Zwei", "urteil")
    data = load_dataset(with_reading(str(path), how))
    assert data.is_pair and data.task.kind == "regression"
    with pytest.raises(UserError, match=r"Unknown column of odd\.csv 'nope'.*wort, zwei, urteil, label"):
        load_dataset(with_reading(str(path), Reading(text_column="nope")))
    with pytest.raises(UserError, match="Unknown label kind 'x'"):
        Reading(label_kind="x")
    with pytest.raises(UserError, match="Unknown way of reading 'colour'"):
        load_dataset(f"{path}?colour=red")


def test_the_command_line_says_what_it_understood_and_takes_it_otherwise(tmp_path, encoder, capsys):
    path = put(tmp_path, "float.csv", READ["float_classes.csv"][0])
    call = [
        "train",
        "--method",
        "vanilla",
        "--dataset",
        str(path),
        "--model",
        str(encoder),
        "--max-steps",
        "2",
        "--json",
    ]
    assert main(call) == 0
    out, err = capsys.readouterr()
    assert "2 classes: 0 (60), 1 (60)." in err and "--label-kind scores" in err
    assert "accuracy" in json.loads(out)["metrics"]
    assert main([*call, "--label-kind", "scores"]) == 0
    out, err = capsys.readouterr()
    assert "Scores from 0 to 1." in err and "pearson" in json.loads(out)["metrics"]
    assert json.loads(out)["dataset"].endswith("float.csv?label_kind=scores")


def test_a_folder_whose_test_part_has_no_labels(tmp_path):
    for split, count in (("train", 120), ("dev", 40)):
        (tmp_path / f"{split}.tsv").write_text(
            "sentence\tlabel\n" + "".join(f"{t}\t{at % 2}\n" for at, t in enumerate(TEXTS[:count]))
        )
    for test in (
        "index\tsentence\n" + "".join(f"{at}\t{t}\n" for at, t in enumerate(TEXTS)),
        "sentence\tlabel\nx y\t-1\n",
    ):
        (tmp_path / "test.tsv").write_text(test)
        data = load_file(tmp_path)
        assert set(data.splits) == {"train", "validation"}
        assert "test.tsv has no labels: the test part is left out." in data.notes


def parquet_bombs(tmp_path):
    """Small files that would fill the memory: a dictionary's text, a repeated one, lists, many columns."""
    label = pa.array([0, 1] * 128)
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 256, pa.int32()), pa.array(["a" * 20_000_000]))
    pq.write_table(pa.table({"text": text, "label": label}), tmp_path / "dictionary.parquet", compression="zstd")
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 4_000_000, pa.int32()), pa.array(["a" * 1_000]))
    label = pa.array([0, 1] * 2_000_000)
    pq.write_table(pa.table({"text": text, "label": label}), tmp_path / "repeated.parquet", compression="zstd")
    lists = pa.array([["x" * 1000] * 1000] * 2000)
    pq.write_table(
        pa.table({"text": lists, "label": pa.array([0, 1] * 1000)}), tmp_path / "lists.parquet", compression="zstd"
    )
    wide = pa.table({f"c{at}": pa.array([at]) for at in range(3000)})
    pq.write_table(wide, tmp_path / "wide.parquet", compression="zstd")
    return sorted(tmp_path.glob("*.parquet"))


def test_a_small_parquet_file_that_would_fill_the_memory_is_refused_before_it_does(tmp_path):
    for path in parquet_bombs(tmp_path):
        assert path.stat().st_size < 2_000_000
        before, began = psutil.Process().memory_info().rss, time.monotonic()
        with pytest.raises(UserError, match=r"unpacks to more than|longer than|holds list|columns"):
            load_file(path)
        assert psutil.Process().memory_info().rss - before < 500 * 2**20
        assert time.monotonic() - began < 10


def test_a_column_that_is_not_needed_is_not_read(tmp_path):
    path = tmp_path / "extra.parquet"
    table = {"text": TEXTS, "label": [at % 2 for at in range(COUNT)], "vectors": [[1.0] * 50_000] * COUNT}
    pq.write_table(pa.table(table), path)
    before = psutil.Process().memory_info().rss
    assert len(pd.concat(load_file(path).splits.values())) == COUNT
    assert psutil.Process().memory_info().rss - before < 100 * 2**20


def test_what_nobody_thought_of_ends_in_the_process_that_reads_it(tmp_path, monkeypatch):
    path = put(tmp_path, "good.csv", READ["stars.csv"][0])
    assert examine(path).problem == "" and examine(path).columns == ["review", "stars"]
    big = put(tmp_path, "big.csv", "text,label\n" + "x y z,1\n" * 3_000_000)
    before = psutil.Process().memory_info().rss
    monkeypatch.setattr("engine.data.apart.MOST_SECONDS", 0.5)
    with pytest.raises(UserError, match="not read to its end in 1"):
        examine(big)
    assert psutil.Process().memory_info().rss - before < 100 * 2**20


def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "null.csv").symlink_to("/dev/zero")
    (tmp_path / "folder.csv").mkdir()
    for name, words in (("pipe.csv", "device, pipe"), ("null.csv", "device, pipe"), ("folder.csv", "no training file")):
        with pytest.raises(UserError, match=words):
            load_dataset(str(tmp_path / name))
    with pytest.raises(UserError, match="at most 10 are read"):
        path = put(tmp_path, "large.csv", READ["stars.csv"][0])
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(rawtable, "MOST_BYTES", 10)
            load_file(path)


def test_texts_that_are_bytes_are_texts(tmp_path):
    """As Spark and others write them; what is no UTF-8 is refused."""
    path = tmp_path / "bytes.parquet"
    pq.write_table(
        pa.table({"text": [f"é {t}".encode() for t in TEXTS], "label": [at % 2 for at in range(COUNT)]}), path
    )
    assert sorted(pd.concat(load_file(path).splits.values())["text"]) == sorted(f"é {t}" for t in TEXTS)
    pq.write_table(pa.table({"text": [b"\xff\xfe"] * COUNT, "label": [at % 2 for at in range(COUNT)]}), path)
    with pytest.raises(UserError, match="UTF-8"):
        load_file(path)


@pytest.mark.parametrize("late", [5, 1500])
def test_a_key_that_comes_late_counts_as_one_that_comes_early(tmp_path, late):
    lines = [
        {"text": f"t {at}", "score": 0.5} | ({"label": at % 2, "text_pair": "p"} if at >= late else {})
        for at in range(1600)
    ]
    path = put(tmp_path, "late.jsonl", "".join(json.dumps(each) + "\n" for each in lines))
    if late > 800:
        with pytest.raises(UserError, match="1500 of its 1600 rows have no label"):
            load_file(path)
    else:
        data = load_file(path)
        assert data.is_pair and data.task.kind == "classification"


def folder(tmp_path, **parts):
    for name, content in parts.items():
        stem, suffix = name.rsplit("_", 1)
        (tmp_path / f"{stem}.{suffix}").write_text(content)
    return tmp_path


def test_parts_of_a_folder_must_agree_on_pairs(tmp_path):
    pairs = rows(["sentence1", "sentence2", "label"], lambda at, t: f"{t},{t[::-1]},{at % 2}")
    single = rows(["text", "label"], lambda at, t: f"{t},{at % 2}")
    empty = rows(["sentence1", "sentence2", "label"], lambda at, t: f"{t},,{at % 2}")
    for train, dev in ((pairs, single), (single, pairs), (pairs, empty)):
        with pytest.raises(UserError, match=r"has pairs of texts, .* has single ones"):
            load_file(folder(tmp_path, train_csv=train, dev_csv=dev))


def test_parts_of_a_folder_may_write_the_same_labels_differently(tmp_path):
    whole, points = (rows(["text", "label"], lambda at, t, end=end: f"{t} {end},{at % 2}{end}") for end in ("", ".0"))
    for train, dev in ((whole, points), (points, whole)):
        data = load_file(folder(tmp_path, train_csv=train, dev_csv=dev))
        for table in data.splits.values():
            assert table["label"].tolist() == [at % 2 for at in range(COUNT)]


def test_what_is_passed_over_or_stands_there_twice_is_said(tmp_path):
    usual = rows(["text", "sentence", "label"], lambda at, t: f"x {t},{t},{at % 2}")
    said = " ".join(load_file(put(tmp_path, "two.csv", usual)).notes)
    assert "columns taken: text: sentence, label: label" in said
    single = rows(["text", "label"], lambda at, t: f"{t},{at % 2}")
    both = folder(tmp_path / "f", train_csv=single, dev_csv=single) if (tmp_path / "f").mkdir() is None else None
    assert "120 texts stand in more than one part" in " ".join(load_file(both).notes)
    (both / "train.tsv").write_text(rows(["text", "label"], lambda at, t: f"{t}\t{at % 2}", "\t"))
    assert "train.csv is not read: train.tsv is." in load_file(both).notes
    twice = single + "".join(f"{t},{1 - at % 2}\n" for at, t in enumerate(TEXTS[:7]))
    assert "7 texts stand there with different labels." in load_file(put(tmp_path, "conflict.csv", twice)).notes
    half = rows(["text_a", "text_b", "label"], lambda at, t: f"{t},{t if at % 2 else ''},{at % 2}")
    assert "60 pairs have no second text." in load_file(put(tmp_path, "half.csv", half)).notes


@pytest.mark.parametrize("label, words", [("1e39", "larger than any score"), ('"1,000"', "a decimal or a thousand")])
def test_numbers_that_are_no_scores(tmp_path, label, words):
    content = rows(["text", "label"], lambda at, t: f"{t},{label if at % 2 or ',' in label else 0.5}")
    with pytest.raises(UserError, match=words):
        load_file(put(tmp_path, "n.csv", content))


def test_built_in_data_have_a_layout_of_their_own():
    with pytest.raises(UserError, match="movie-sentiment has a layout of its own"):
        load_dataset(with_reading("movie-sentiment", Reading(text_column="x")))


def test_two_columns_of_the_very_same_name_can_only_be_renamed(tmp_path):
    path = put(tmp_path, "same.csv", rows(["text", "text", "label"], lambda at, t: f"raw,{t},{at % 2}"))
    with pytest.raises(UserError, match=r"'text' and 'text'\. Rename one of them\.$"):
        load_file(path)
