"""Files with a label per word: what is read, which token bears the label, what is refused, and how it is judged."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from transformers import AutoTokenizer

from engine.cli import main
from engine.data.encoding import collator, encode, tags_of_tokens
from engine.data.marks import ONE_CLASS
from engine.data.metrics import metrics_of
from engine.data.sources import load_dataset
from engine.data.tasks import Task
from engine.errors import UserError
from tests import tiny

SENTENCE = {"tokens": ["Anna", "Lee", "left"], "labels": ["B-PER", "I-PER", "O"]}


def rows_of(data):
    """All (words, tags) of a data set, whatever part they stand in."""
    names = data.task.label_names
    tables = [table for table in data.splits.values() if len(table)]
    return sorted(
        (text, [names[place] for place in label])
        for table in tables
        for text, label in zip(table["text"], table["label"], strict=True)
    )


def sentences(count=60):
    return [
        (["Anna", "Lee", "left", str(n)], ["B-PER", "I-PER", "O", "O"])
        if n % 2
        else (["it", "rains", str(n)], ["O", "O", "O"])
        for n in range(count)
    ]


def written(layout, path):
    made = sentences()
    if layout == "jsonl":
        lines = [json.dumps({"id": n, "tokens": words, "ner_tags": tags}) for n, (words, tags) in enumerate(made)]
        path.write_text("\n".join(lines))
    elif layout == "conllu":
        blocks = [
            f"# text = {' '.join(words)}\n1-2\tcontracted\t_\t_\n"
            + "\n".join(f"{n}\t{word}\t_\t{tag}" for n, (word, tag) in enumerate(zip(words, tags, strict=True), 1))
            for words, tags in made
        ]
        path.write_text("\n\n".join(blocks))
    else:
        gap = "\t" if layout == "tabs" else " "
        blocks = [
            "\n".join(gap.join((word, "NN", tag)) for word, tag in zip(words, tags, strict=True))
            for words, tags in made
        ]
        path.write_text("-DOCSTART- -X- O\n\n# a comment\n" + "\n\n\n".join(blocks) + "\n\n")
    return path


@pytest.mark.parametrize(
    "layout, name", [("jsonl", "a.jsonl"), ("conllu", "a.conllu"), ("tabs", "a.conll"), ("spaces", "a.conll")]
)
def test_every_layout_gives_the_same_sentences(layout, name, tmp_path):
    data = load_dataset(str(written(layout, tmp_path / name)))
    assert data.task.tags and data.task.label_names == ("O", "B-PER", "I-PER")
    assert rows_of(data) == sorted((" ".join(words), tags) for words, tags in sentences())
    assert data.task.metrics[0] == "entity_f1"
    assert data.described()[0].startswith("Token classification: ")
    assert "O (150)" in data.described()[1]


def test_a_folder_keeps_its_parts_and_parts_of_speech_have_no_entities(tmp_path):
    for part, begin in (("train", 0), ("dev", 100), ("test", 200)):
        lines = [json.dumps({"tokens": ["a", f"w{begin + n}"], "labels": ["DET", "NOUN"]}) for n in range(9)]
        (tmp_path / f"{part}.jsonl").write_text("\n".join(lines))
    data = load_dataset(str(tmp_path))
    assert {name: len(table) for name, table in data.splits.items()} == {"train": 9, "validation": 9, "test": 9}
    assert data.splits["validation"]["text"][0] == "a w100"
    assert data.task.metrics == ("accuracy", "f1")


REFUSED = {
    "lengths": ({**SENTENCE, "labels": ["O"]}, r"line 21: tokens and labels differ in number \(3 and 1\)"),
    "no list": ({**SENTENCE, "labels": "O O O"}, "line 21: tokens and labels must be lists"),
    "objects": ({**SENTENCE, "labels": [{}, {}, {}]}, "line 21: tokens and labels must be texts"),
    "empty word": ({**SENTENCE, "tokens": ["a", " ", "b"]}, "line 21: a token or a label of this sentence is empty"),
    "no words": ({"tokens": [], "labels": []}, "line 21: a sentence has 1 to"),
    "missing": ({"tokens": ["a"]}, "line 21: tokens and labels must be lists"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_row_that_does_not_fit_is_named_with_its_line(case, tmp_path, capsys):
    row, words = REFUSED[case]
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join([json.dumps(SENTENCE)] * 20 + [json.dumps(row)]))
    with pytest.raises(UserError, match=words):
        load_dataset(str(path))
    assert main(["train", "--method", "pgd", "--dataset", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_comments_are_those_before_a_sentence_and_said(tmp_path):
    """A # with a tab after it, or within a sentence, is a word."""
    block = "# id {n}\n#\tO\nq{n}\tB-LOC\n#\tO\n\n"
    (tmp_path / "a.conll").write_text("".join(block.format(n=n) for n in range(60)))
    data = load_dataset(str(tmp_path / "a.conll"))
    assert all(text.startswith("# q") and text.endswith(" #") for text, _ in rows_of(data))
    assert "a.conll: 60 lines that begin with # before a sentence were taken for comments." in data.notes
    (tmp_path / "b.conll").write_text("".join(f"# O\nq{n} B-LOC\n1\u00a0000 O\n\n" for n in range(60)))
    data = load_dataset(str(tmp_path / "b.conll"))
    assert rows_of(data)[0][0] == "q0 1\u00a0000" and "60 lines" in data.notes[0]


def test_labels_that_say_that_there_is_none_count_for_nothing(tmp_path):
    rows = [{"tokens": ["a", str(n), "b"], "labels": [-100, 1, 0]} for n in range(60)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = load_dataset(str(tmp_path / "a.jsonl"))
    assert data.task.label_names == ("0", "1") and data.splits["train"]["label"][0] == [-100, 1, 0]
    assert data.majority_rate("train") == 0.5 and "0 (60), 1 (60)" in data.described()[1]


def test_texts_without_a_word_are_refused_before_the_training(tmp_path, encoder, capsys):
    (tmp_path / "a.conll").write_text("".join(chr(0x200B) * (n + 1) + f" {'AB'[n % 2]}\n\n" for n in range(60)))
    command = ["train", "--method", "pgd", "--dataset", str(tmp_path / "a.conll"), "--model", str(encoder)]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "no word that the model's tokenizer writes" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "text, words",
    [
        ("a\tfirst name\nb\tO\n", "the label 'first name' has a space in it"),
        ("a O\nb\n", "line 2: 1 columns; the lines before have 2"),
        ("a\nb\n", "line 1: a line must have a word and its label"),
        ("a O\nb O\n", "2 to 200 different labels are needed, but there are 1"),
        ("\n\n", "has no sentences"),
        ("a O\n\nb B-X\n", "different sentences: at least 20"),
        (("a O\n" * 10_001), "more than 10,000 words without a blank line"),
        ("x " * 40_000, "more than 65,536 characters"),
    ],
)
def test_files_of_columns_that_do_not_fit(text, words, tmp_path):
    path = tmp_path / "bad.conll"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        load_dataset(str(path))


def test_a_label_that_training_has_not_and_columns_that_are_none(tmp_path):
    (tmp_path / "train.conll").write_text("a O\nb B-X\n\n" * 3)
    (tmp_path / "dev.conll").write_text("a O\nb B-Y\n")
    with pytest.raises(UserError, match=r"dev.conll, line 1: the label 'B-Y' is none of the training file's"):
        load_dataset(str(tmp_path))
    with pytest.raises(UserError, match="has a label for every word"):
        load_dataset(f"{tmp_path}?label_column=x")


@pytest.mark.parametrize("name", ["minilm"])
def test_the_first_token_of_a_word_bears_its_label(name):
    """Against the tokenizer's own account of which word a token is of."""
    from engine.models import load_tokenizer

    tokenizer = load_tokenizer(name)
    for words in (["Oslo", "unbelievably", "far"], ["it's", "3.5%", "..."], ["naïve", "日本", "emoji🙂", "a"]):
        tags = list(range(len(words)))
        of_words = tokenizer(words, is_split_into_words=True).word_ids()
        wanted = [-100 if word is None or word == of_words[place - 1] else word for place, word in enumerate(of_words)]
        assert tags_of_tokens(tokenizer, " ".join(words), tags, 64) == wanted


def test_tokens_that_begin_with_the_space_belong_to_the_word_after_it(tmp_path):
    """Byte-level vocabularies (GPT-2, RoBERTa) and those of sentence pieces, where a space may be a token of its own."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {
        token: place for place, token in enumerate(["<unk>", "Ġb", "a", "b", "Ġ", "c", "Ġc", "▁", "▁a", "▁b"])
    }
    for core, text in (
        (pre_tokenizers.ByteLevel(add_prefix_space=False), "a b cc"),
        (pre_tokenizers.Metaspace(), "a b cc"),
    ):
        made = Tokenizer(models.BPE(vocabulary, [("Ġ", "b"), ("▁", "a"), ("▁", "b")], unk_token="<unk>"))
        made.pre_tokenizer = core
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>")
        tokens = tokenizer.tokenize(text)
        labels = tags_of_tokens(tokenizer, text, [0, 1, 2], 64)
        found = {token.strip("Ġ▁"): label for token, label in zip(tokens, labels, strict=True) if label != -100}
        assert sorted(found.values()) == [0, 1, 2] and found["a"] == 0 and found["b"] == 1


def test_batches_pad_labels_and_cut_words_have_none(encoder, tmp_path):
    (tmp_path / "a.conll").write_text(tiny.tagged(60))
    data, tokenizer = load_dataset(str(tmp_path / "a.conll")), AutoTokenizer.from_pretrained(encoder)
    encoded = encode(data.splits["train"], tokenizer, data.task, 6)
    rows = [encoded[0], encoded[1]]
    rows[1] = {name: each[:4] if isinstance(each, list) else each for name, each in rows[1].items()}
    batch = collator(tokenizer, tags=True)(rows)
    assert batch["labels"].shape == batch["input_ids"].shape == (2, 6)
    assert batch["labels"][1, 4:].tolist() == [-100, -100]
    assert batch["labels"][0].tolist() == [-100, *data.splits["train"]["label"][0][:4], -100]


def test_entities_are_judged_as_seqeval_judges_them():
    """By hand: of two true entities one is found whole, one is cut short, one more is invented."""
    names = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    true = np.array([[3, 4, 0, -100, 1, 2], [0, 0, -100, 0, 0, -100]])
    said = np.array([[3, 4, 0, 0, 1, 0], [3, 0, 4, 0, 0, 1]])
    logits = np.eye(5)[said]
    task = Task("t", "token classification", names, ("entity_f1", "entity_precision", "entity_recall", "accuracy"))
    found = metrics_of(task)(SimpleNamespace(predictions=logits, label_ids=true))
    assert found["entity_precision"] == pytest.approx(1 / 3)
    assert found["entity_recall"] == pytest.approx(1 / 2)
    assert found["entity_f1"] == pytest.approx(0.4)
    assert found["accuracy"] == pytest.approx(7 / 9)
    assert found[ONE_CLASS] == pytest.approx(5 / 9)
