"""A split of a data set, or a sample of it, as batches for an analysis."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine.data.sources import load_dataset
from engine.data.tasks import TaskData
from engine.errors import UserError
from engine.progress import Progress, told
from engine.settings import CONFIG, Settings
from engine.subjects.classifier import Classifier
from engine.subjects.labels import matched


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class Sample(Settings):
    """What every analysis of a data set's examples is asked."""

    dataset: str = "movie-sentiment"
    """A built-in name, a path or a hub name."""
    split: str = "validation"
    """Which part of it."""
    limit: int | None = Field(default=200, ge=1, le=2**31 - 1)
    """How many examples: a fixed random sample of the split (empty: all)."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of everything random in the analysis; the sample is always the same."""

    def table(self, classifier: Classifier) -> pd.DataFrame:
        """`text`, perhaps `text_pair`, and `label`: the place among the classifier's own classes (see `examples`)."""
        return examples(classifier, self.dataset, self.split, self.limit)


def matching(classifier: Classifier, dataset: str) -> tuple[list[int], str]:
    """Which of the classifier's classes each of the data's is, and what must be said of it (see `labels.matched`).

    Raises:
        UserError: the data set is unknown, or of another kind, or with other classes than the classifier's.
    """
    task = load_dataset(dataset).task
    if task.tags or classifier.tags:
        raise UserError(
            f"{dataset}: analyses of a data set are of models that say one thing of a text, not of every token. Sentences are"
            " looked at one by one (the verb tags, the page Perturb)."
        )
    if (task.kind == "regression") != classifier.is_regression:
        gives = "one score" if classifier.is_regression else f"classes ({', '.join(classifier.labels)[:80]})"
        raise UserError(f"{dataset} is a {task.kind} task, but the model gives {gives}: choose data like its own.")
    return ([], "") if classifier.is_regression else matched(classifier.labels, task)


def examples(classifier: Classifier, dataset: str, split: str = "validation", limit: int | None = 200) -> pd.DataFrame:
    """A split, or a fixed random sample of `limit` of it; `label` is the place among the classifier's own classes.

    Raises:
        UserError: the data set is unknown, or of another kind, or with other classes than the classifier's.
    """
    places, _ = matching(classifier, dataset)
    data = load_dataset(dataset)
    if limit is not None and limit < 1:
        raise UserError(f"The number of examples must be at least 1, but it is {limit}.")
    table = split_of(data, dataset, split)
    if places:
        table = table.assign(label=table["label"].map(dict(enumerate(places))))
    return sampled(table, limit)


def split_of(data: TaskData, dataset: str, split: str) -> pd.DataFrame:
    """A part of a data set.

    Raises:
        UserError: it has none of that name.
    """
    if split not in data.splits:
        raise UserError(f"{dataset} has no {split} split. Allowed: {', '.join(data.splits)}.")
    return data.splits[split]


def sampled(table: pd.DataFrame, limit: int | None) -> pd.DataFrame:
    """The table, or a fixed random sample of `limit` of its rows, in their order."""
    if limit is None or limit >= len(table):
        return table
    return table.sample(limit, random_state=0).sort_index().reset_index(drop=True)


def batches(
    classifier: Classifier, table: pd.DataFrame, size: int = 32, progress: Progress = None
) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
    """(row numbers, batch with labels) over a table of `text`, perhaps `text_pair`, `label`; equal lengths together."""

    def encoded(rows: pd.DataFrame, **how: Any) -> Any:
        return classifier.tokenizer(
            rows["text"].tolist(),
            rows["text_pair"].tolist() if "text_pair" in rows else None,
            truncation=True,
            max_length=classifier.max_length,
            **how,
        )

    lengths = [len(each) for each in encoded(table)["input_ids"]] if len(table) else []
    order = sorted(range(len(table)), key=lengths.__getitem__)
    kind = torch.float32 if classifier.is_regression else torch.long
    for start in range(0, len(order), size):
        places = order[start : start + size]
        rows = table.iloc[places]
        padded = encoded(rows, return_tensors="pt", padding=True)
        batch = {name: tensor.to(classifier.device) for name, tensor in padded.items()}
        batch["labels"] = torch.tensor(rows["label"].tolist(), dtype=kind, device=classifier.device)
        yield places, batch
        told(progress, start + size, len(order))


def tokens_of(classifier: Classifier, batch: dict[str, Tensor], row: int) -> list[str]:
    """The tokens of one row of a batch, without padding."""
    names: list[str] = classifier.tokenizer.convert_ids_to_tokens(
        batch["input_ids"][row][batch["attention_mask"][row].bool()].tolist()
    )
    return names


def margins(logits: Tensor, labels: Tensor) -> Tensor:
    """The label's logit less the largest other one, [B]: below 0 the prediction is wrong."""
    own = logits.gather(1, labels[:, None])
    others = logits.scatter(1, labels[:, None], float("-inf"))
    return (own - others.amax(dim=1, keepdim=True))[:, 0]


def with_class_names(classifier: Classifier, table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The table with the names of classes in place of their numbers (none for regression)."""
    if classifier.is_regression:
        return table
    names = dict(enumerate(classifier.labels))
    return table.assign(**{column: table[column].map(names) for column in columns})
