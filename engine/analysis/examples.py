"""A data set's examples as batches for an analysis, and a table of what each is like."""

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from engine.analysis.ascent import at_radius, climb, from_own_table
from engine.analysis.classifier import Classifier
from engine.analysis.labels import matched
from engine.data.sources import load_dataset
from engine.errors import UserError

Progress = Callable[[int, int], None]

# ε of the search for the smallest radius that flips a label: doubled every second step.
FLIP_GRID = tuple(0.02 * 2 ** (place / 2) for place in range(17))
FLIP_STEPS = 3


def matching(classifier: Classifier, dataset: str) -> tuple[list[int], str]:
    """Which of the classifier's classes each of the data's is, and what must be said of it (see `labels.matched`).

    Raises:
        UserError: the data set is unknown, or of another kind, or with other classes than the classifier's.
    """
    task = load_dataset(dataset).task
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
    if split not in data.splits:
        raise UserError(f"{dataset} has no {split} split. Allowed: {', '.join(data.splits)}.")
    table = data.splits[split]
    if places:
        table = table.assign(label=table["label"].map(dict(enumerate(places))))
    if limit is None or limit >= len(table):
        return table
    return table.sample(limit, random_state=0).sort_index().reset_index(drop=True)


def batches(
    classifier: Classifier, table: pd.DataFrame, size: int = 32, progress: Progress | None = None
) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
    """(row numbers, batch with labels) over a table of `text`, perhaps `text_pair`, `label`; equal lengths together."""
    order = sorted(range(len(table)), key=lambda place: len(table["text"].iloc[place]))
    kind = torch.float32 if classifier.is_regression else torch.long
    for start in range(0, len(order), size):
        places = order[start : start + size]
        rows = table.iloc[places]
        encoded = classifier.tokenizer(
            rows["text"].tolist(),
            rows["text_pair"].tolist() if "text_pair" in rows else None,
            return_tensors="pt",
            padding=True,
            truncation=True,
            max_length=classifier.max_length,
        )
        batch = {name: tensor.to(classifier.device) for name, tensor in encoded.items()}
        batch["labels"] = torch.tensor(rows["label"].tolist(), dtype=kind, device=classifier.device)
        yield places, batch
        if progress is not None:
            progress(min(start + size, len(order)), len(order))


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


def example_table(classifier: Classifier, table: pd.DataFrame, progress: Progress | None = None) -> pd.DataFrame:
    """What every example is like: columns `loss`, `margin`, `prediction`, `smoothness`, `flip_epsilon` are added.

    `smoothness`: SMART's ℓₛ at ε = 0.1 (Frobenius). `flip_epsilon`: the smallest ε of `FLIP_GRID` at which PGD with
    `FLIP_STEPS` steps changes the prediction (NaN: none does; 0 margin flips at the first). For regression there are
    no margin and no flip, and `prediction` is the score.
    """
    found: dict[str, list[Any]] = {
        name: [float("nan")] * len(table) for name in ("loss", "margin", "prediction", "smoothness", "flip_epsilon")
    }
    smart = at_radius("smart", 0.1, 1)
    for places, batch in batches(classifier, table, progress=progress):
        path = climb(smart, classifier.model, batch, steps=1)
        clean = climb(at_radius("vanilla", 0.0, 1), classifier.model, batch, steps=0)[0]
        flips = torch.full((len(places),), float("nan"))
        if not classifier.is_regression:
            predicted = clean.logits.argmax(dim=-1)
            own = {**batch, "labels": predicted}
            for epsilon in FLIP_GRID:
                holding = flips.isnan().nonzero()[:, 0]  # Only those that no smaller ε has flipped.
                if not len(holding):
                    break
                part = {key: tensor[holding.to(tensor.device)] for key, tensor in own.items()}
                moved = climb(at_radius("pgd", epsilon, FLIP_STEPS), classifier.model, part, steps=FLIP_STEPS)
                changed = (
                    torch.stack([point.logits.argmax(dim=-1) != part["labels"] for point in moved]).any(dim=0).cpu()
                )
                flips[holding[changed]] = epsilon
        for row, place in enumerate(places):
            found["loss"][place] = float(clean.loss[row])
            found["smoothness"][place] = float(path[-1].objective[row])
            found["flip_epsilon"][place] = float(flips[row])
            if classifier.is_regression:
                found["prediction"][place] = float(clean.logits[row, 0])
            else:
                found["margin"][place] = float(margins(clean.logits, batch["labels"])[row])
                found["prediction"][place] = int(clean.logits[row].argmax())
    return table.assign(**found)


def flip_radius(
    classifier: Classifier,
    name: str,
    batch: dict[str, Tensor],
    *,
    steps: int = 5,
    most: float = 8.0,
    rounds: int = 8,
    seed: int = 0,
) -> float | None:
    """The smallest ε at which the method's ascent on one example changes the prediction, by bisection.

    Args:
        batch: of one example. steps: K. most: the largest ε looked at; None is returned if the label holds until there.
        rounds: of bisection; the error is at most 2^-rounds of the ε found, or of most/512 below that.
    """
    with torch.no_grad():
        predicted = classifier.model(**{key: value for key, value in batch.items() if key != "labels"}).logits.argmax(
            -1
        )
    own = {**batch, "labels": predicted}

    def flips(epsilon: float) -> bool:
        method = from_own_table(classifier, at_radius(name, epsilon, steps))
        path = climb(method, classifier.model, own, steps=steps, seed=seed)
        return any(bool(point.logits.argmax(-1) != predicted) for point in path)

    # Flipping need not be monotone in ε: the first flip of a doubling ε is what bisection narrows down.
    low, high = 0.0, most / 512
    while not flips(high):
        low, high = high, 2 * high
        if high > most:
            return None
    for _ in range(rounds):
        middle = (low + high) / 2
        low, high = (low, middle) if flips(middle) else (middle, high)
    return high
