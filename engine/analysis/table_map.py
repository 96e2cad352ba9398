"""A map of the rows of TextAT's table (UMAP)."""

from dataclasses import dataclass

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.progress import Progress
from engine.projection import umap_map
from engine.runs.run import Run
from engine.settings import CONFIG, Settings
from engine.subjects.table import Space, model_side, parts, table_state, tokenizer_of, vectors
from engine.tables import columns

MOST_ON_MAP = 1500


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class TableMapSettings(Settings):
    """Which space."""

    space: Space = "Z"
    """Z: the accumulated perturbations; embedding: the tokens themselves; embedding + Z: where training puts them."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of the map."""


@dataclass(frozen=True)
class RowsMap(Result):
    """The rows met most often, [n] each: place on the map, token, times met, ‖Z[w]‖_2, part of a word (see `parts`)."""

    x: list[float]
    y: list[float]
    token: list[str]
    count: list[int]
    norm: list[float]
    part: list[str]

    def text(self) -> str:
        """A line per row."""
        rows = [(name, f"{x:.3f}", f"{y:.3f}") for name, x, y in zip(self.token, self.x, self.y, strict=True)]
        return columns(rows, ("token", "x", "y"))


@analysis("table map", "A map of TextAT's table", TableMapSettings, needs="run")
def table_map(run: Run, asked: TableMapSettings, progress: Progress = None) -> RowsMap:
    """UMAP of the rows met most often."""
    state = table_state(run)
    chosen = state.counts.argsort(descending=True, stable=True)[:MOST_ON_MAP]
    at = umap_map(vectors(state, model_side(run)[0], asked.space)[chosen].numpy(), seed=asked.seed)
    tokenizer = tokenizer_of(run.config["model"])
    ids = state.tokens[chosen].tolist()
    names = tokenizer.convert_ids_to_tokens(ids)
    counts, norms = state.counts[chosen].tolist(), state.norms[chosen].tolist()
    return RowsMap(at[:, 0].tolist(), at[:, 1].tolist(), names, counts, norms, parts(tokenizer, ids))
