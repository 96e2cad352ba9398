"""The slides' tasks in their published layouts, from small files written here."""

import pandas as pd
import pytest

from engine.data.glue import LAYOUTS, load_glue, task_of
from engine.data.sources import load_dataset
from engine.errors import UserError
from engine.runs.config import TrainConfig
from engine.runs.execution import execute
from engine.runs.store import Store

ROWS = {
    "cola": ("gj04\t1\t\tA good sentence {n}.", "gj04\t0\t*\tSentence bad {n}."),
    "sst2": ("sentence\tlabel", "a good film {n}\t1", "a dull film {n}\t0"),
    "mrpc": ("Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", '1\t1\t2\tA "film {n}\tThe film {n}', "0\t1\t2\tA dog {n}\tThe film {n}"),
    "stsb": ("index\tgenre\tsentence1\tsentence2\tscore", "0\tx\tA film {n}\tThe film {n}\t4.500", "0\tx\tA dog {n}\tThe film\t0.2"),
    "qqp": ("id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate", "0\t1\t2\tWhy {n}?\tWhy so {n}?\t1", "0\t1\t2\tWho {n}?\tWhen?\t0"),
    "mnli": ("index\tsentence1\tsentence2\tgold_label", "0\tA {n}\tB\tneutral", "1\tA {n}\tA\tentailment", "2\tA {n}\tC\tcontradiction", "3\tA {n}\tD\t-"),
    "qnli": ("index\tquestion\tsentence\tlabel", "0\tWho {n}?\tHe.\tentailment", "1\tWho {n}?\tIt.\tnot_entailment"),
    "rte": ("index\tsentence1\tsentence2\tlabel", "0\tA {n}\tB\tentailment", "1\tA {n}\tC\tnot_entailment"),
    "wnli": ("index\tsentence1\tsentence2\tlabel", "0\tA {n}\tB\t1", "1\tA {n}\tC\t0"),
    "xnli": ("premise\thypo\tlabel", "甲 {n}\t乙\tneutral", "甲 {n}\t丙\tcontradictory"),
    "lcqmc": ("sentence1\tsentence2\tlabel", "怎么弄 {n}\t怎么开\t1", "谁有 {n}\t图\t0"),
    "bq": ("sentence1,sentence2,label", "怎么弄 {n},怎么开,1", "谁有 {n},图,0"),
}  # fmt: skip


def write(folder, name, files, suffix=".tsv"):
    folder.mkdir(parents=True, exist_ok=True)
    heads = [] if name == "cola" else list(ROWS[name][:1])
    body = ROWS[name][len(heads) :]
    for file in files:
        lines = [*heads, *(line.format(n=f"{file} {n}") for n in range(8) for line in body)]
        (folder / f"{file}{suffix}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", [name for name in ROWS if name not in ("mnli", "xnli")])
def test_every_task_in_its_layout(tmp_path, name):
    folder = write(tmp_path / "x", name, ("train", "dev"), {"bq": ".csv", "lcqmc": ".txt"}.get(name, ".tsv"))
    data = load_glue(name, folder)
    layout = LAYOUTS[name]
    assert data.task == task_of(name) and data.task.metrics == layout.metrics
    assert set(data.splits) == {"train", "validation"} and len(data.splits["train"]) == 16
    assert data.is_pair == (len(layout.texts) == 2)
    labels = set(data.splits["train"]["label"])
    assert labels == ({4.5, 0.2} if name == "stsb" else {0, 1})
    assert data.splits["validation"]["text"].str.contains("dev").all()


def test_names_of_labels_and_order(tmp_path):
    folder = write(tmp_path / "QNLI", "qnli", ("train", "dev"))
    table = load_dataset(f"glue/qnli@{folder.parent}").splits["train"]  # The folder above, as GLUE unpacks it.
    assert dict(zip(table["text_pair"], table["label"], strict=True)) == {"He.": 0, "It.": 1}
    assert (
        load_glue("cola", write(tmp_path / "c", "cola", ("train", "dev"))).splits["train"]["text"][0]
        == "A good sentence train 0."
    )


def test_mnli_has_two_validation_files_and_unlabelled_rows(tmp_path):
    folder = write(tmp_path / "m", "mnli", ("train", "dev_matched", "dev_mismatched"))
    for name, word in (("mnli", "dev_matched"), ("mnli-mm", "dev_mismatched")):
        data = load_glue(name, folder)
        assert len(data.splits["train"]) == 24  # "-": the annotators did not agree.
        assert data.splits["validation"]["text"].str.contains(word).all()
        assert data.splits["train"]["label"].tolist()[:3] == [1, 0, 2]
    (folder / "diagnostic.tsv").write_text("sentence1\tsentence2\tgold_label\nA\tB\tneutral\n")
    assert load_glue("ax", folder).task.metrics == ("matthews",)


def test_xnli_s_files_hold_all_languages(tmp_path):
    write(tmp_path, "xnli", ("multinli.train.zh",))
    (tmp_path / "xnli.dev.tsv").write_text(
        "language\tgold_label\tsentence1\tsentence2\nen\tneutral\tA\tB\nzh\tentailment\t甲\t乙\n", encoding="utf-8"
    )
    data = load_glue("xnli", tmp_path)
    assert data.splits["validation"]["text"].tolist() == ["甲"] and data.splits["validation"]["label"].tolist() == [0]
    assert set(data.splits["train"]["label"]) == {1, 2}


def test_a_hub_s_parquet_and_hidden_test_labels(tmp_path):
    table = pd.DataFrame({"sentence": [f"film {n}" for n in range(40)], "label": [0, 1] * 20, "idx": range(40)})
    table.to_parquet(tmp_path / "train.parquet")
    table.assign(label=-1).to_parquet(tmp_path / "test.parquet")
    data = load_glue("sst2", tmp_path)
    assert set(data.splits) == {"train", "validation"}  # Validation: by a hash; the test labels are hidden.
    assert not set(data.splits["train"]["text"]) & set(data.splits["validation"]["text"])


@pytest.mark.parametrize(
    "name, words",
    [
        ("glue/nonsense@.", "Unknown GLUE task"),
        ("glue/sst2@/nowhere", "not a folder"),
        ("glue/rte@{folder}", "no training file of RTE"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, name, words):
    with pytest.raises(UserError, match=words):
        load_dataset(name.format(folder=tmp_path))


def test_wrong_columns_and_labels_are_said(tmp_path):
    write(tmp_path, "sst2", ("train", "dev"))
    with pytest.raises(UserError, match="RTE needs sentence1 and sentence2"):
        load_glue("rte", tmp_path)
    (tmp_path / "train.tsv").write_text("sentence\tlabel\na film\tmaybe\n")
    with pytest.raises(UserError, match="has the labels maybe; allowed are 0, 1, negative, positive"):
        load_glue("sst2", tmp_path)


def test_a_run_on_a_task(tmp_path, encoder):
    folder = write(tmp_path / "mrpc", "mrpc", ("train", "dev"))
    config = TrainConfig.build(
        {"method": "pgd", "dataset": f"glue/mrpc@{folder}", "model": str(encoder), "max_steps": 2}, {"batch_size": "4"}
    )
    run = execute(Store().create(config.as_dict(), status="starting").id)
    assert run.status == "completed" and {"accuracy", "f1"} <= set(run.metrics)
