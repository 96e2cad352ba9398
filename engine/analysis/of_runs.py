"""What runs left behind, as analyses: TextAT's table, one of its tokens, a map of its rows; curves over one another."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from torch import Tensor

from engine.analysis.classifier import load_classifier
from engine.analysis.subjects import Progress
from engine.analysis.table import (
    SPACES,
    class_direction,
    cosines,
    growth,
    largest_rows,
    neighbours,
    parts,
    table_state,
    vectors,
)
from engine.errors import UserError, known
from engine.models import load_tokenizer
from engine.runs.run import Run
from engine.runs.store import Store

MOST_ON_MAP = 1500
DIRECTION_TEXTS = 64
tokenizer_of = lru_cache(maxsize=4)(load_tokenizer)


def table(run: Run, progress: Progress, *, top: int = 20) -> dict[str, Any]:
    """The largest rows with their growth, and of every touched row: token, count, norm, part."""
    tokenizer = tokenizer_of(run.config["model"])
    state = table_state(run)
    ids = state.tokens.tolist()
    every = {
        "token": tokenizer.convert_ids_to_tokens(ids),
        "count": state.counts.tolist(),
        "norm": state.norms.tolist(),
        "part": parts(tokenizer, ids),
    }
    return {**largest_rows(run, tokenizer, top), "every": every}


@lru_cache(maxsize=2)
def _model_side(run: str, model: str | None, dataset: str) -> tuple[Tensor, Tensor]:
    """The word embeddings `[V, D]` of a run's model (or the model it starts from), and its class direction `[D]`."""
    from engine.data.sources import load_dataset

    classifier = load_classifier(model, None if model else run)
    texts = load_dataset(dataset).splits["validation"]["text"].tolist()[:DIRECTION_TEXTS]
    return classifier.model.get_input_embeddings().weight.detach().cpu(), class_direction(classifier, texts)


def _sides(run: Run) -> tuple[Tensor, Tensor]:
    # A run that still trains is seen beside the model that it starts from.
    return _model_side(run.id, None if run.model_folder.exists() else run.config["model"], run.config["dataset"])


def token(run: Run, progress: Progress, *, token: str) -> dict[str, Any]:
    """One token's row: norm, count, cosine with the class direction, growth, and its neighbours in each space."""
    state = table_state(run)
    names = tokenizer_of(run.config["model"]).convert_ids_to_tokens(state.tokens.tolist())
    if token not in names:
        raise UserError(f"The token {token[:40]!r} was never met in the training of {run.id}.")
    embeddings, direction = _sides(run)
    place = names.index(token)
    cosine = cosines(state.rows, direction)
    return {
        "token": token,
        "norm": float(state.norms[place]),
        "count": int(state.counts[place]),
        "cosine": float(cosine[place]),
        "mean_cosine": float(cosine.mean()),
        "growth": growth(run, [int(state.tokens[place])])[int(state.tokens[place])],
        "neighbours": {
            space: [(names[at], distance) for at, distance in neighbours(vectors(state, embeddings, space), place)]
            for space in SPACES
        },
    }


def table_map(run: Run, progress: Progress, *, space: str = "Z", seed: int = 0) -> dict[str, list[Any]]:
    """UMAP of the rows met most often in one space: x, y, token, count, norm, part."""
    from engine.analysis.projection import umap_map

    known("space", space, list(SPACES))
    state = table_state(run)
    chosen = state.counts.argsort(descending=True, stable=True)[:MOST_ON_MAP]
    points = vectors(state, _sides(run)[0], next(each for each in SPACES if each == space))[chosen]
    at = umap_map(points.numpy(), seed=seed)
    tokenizer = tokenizer_of(run.config["model"])
    ids = state.tokens[chosen].tolist()
    return {
        "x": at[:, 0].tolist(),
        "y": at[:, 1].tolist(),
        "token": tokenizer.convert_ids_to_tokens(ids),
        "count": state.counts[chosen].tolist(),
        "norm": state.norms[chosen].tolist(),
        "part": parts(tokenizer, ids),
    }


def study(nothing: None, progress: Progress, *, definition: dict[str, Any]) -> list[dict[str, Any]]:
    """What the completed runs of a study show so far (see `compare.results.results`)."""
    from engine.compare.results import results
    from engine.compare.studies import cells, study_from
    from engine.compare.training import runs_of

    wanted = cells(study_from(definition))
    return results(wanted, runs_of(wanted))


def published(nothing: None, progress: Progress, *, paper: str) -> dict[str, Any]:
    """A table of a paper's with one's own completed runs below it: `columns`, `rows` (each beginning with its name), `own`
    (how many of the rows are one's own), `gains` over the baseline as (row, task, points).

    Args:
        paper: key of `compare.published.SOURCES`.

    Raises:
        UserError: there is no such table.
    """
    from engine.compare.own import own_gains, own_results
    from engine.compare.published import SOURCES, gains
    from engine.compare.published import published as printed

    known("table", paper, list(SOURCES))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for each in printed():
        if each.table == paper:
            shown = {"missing": "–", "garbled": f"{each.text}… (cut)"}.get(each.mark, each.text)
            rows.setdefault((each.group, each.row), {})[each.column] = shown
    theirs = len(rows)
    own = own_results(paper)
    for result in own:
        text = "/".join(f"{value:.1f}" for value in result.values)
        text += f" ({result.runs} runs)" if result.runs > 1 else ""
        rows.setdefault(("yours", result.row), {})[result.column] = text
    columns = list(dict.fromkeys(column for values in rows.values() for column in values))
    return {
        "columns": ["", *columns],
        "rows": [[name, *(values.get(column) for column in columns)] for (_, name), values in rows.items()],
        "own": len(rows) - theirs,
        "gains": [list(gain) for gain in (*gains(paper), *own_gains(own))],
    }


def curves(nothing: None, progress: Progress, *, runs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What several runs logged: by run id, `title`, `metrics`, `curves` (figure → (step, value))."""
    store = Store()
    found = {}
    for reference in runs:
        run = store.find(reference)
        found[run.id] = {"title": run.marked_title, "metrics": run.metrics, "curves": store.figures(run.id)}
    return found
