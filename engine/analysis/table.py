"""The largest rows of TextAT's table, and how they grew."""

from dataclasses import asdict, dataclass
from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.progress import Progress
from engine.runs.run import Run
from engine.settings import CONFIG, Settings
from engine.subjects.table import growth, parts, table_state, tokenizer_of
from engine.tables import columns


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class TableSettings(Settings):
    """How many rows."""

    top: int = Field(default=20, ge=1, le=2**31 - 1, json_schema_extra={"handy": [5, 50, 5]})
    """How many of the largest rows to show."""


@dataclass(frozen=True)
class Row:
    """A row of Z. `norm`: ‖Z[w]‖_2; `count`: times that the token was met; `growth`: (step, norm) at every record."""

    token: str
    id: int
    norm: float
    count: int
    growth: list[tuple[int, float]]


@dataclass(frozen=True)
class TouchedRows:
    """All rows ever touched: token, count, norm, and its part of a word (see `parts`), [n] each."""

    token: list[str]
    count: list[int]
    norm: list[float]
    part: list[str]


@dataclass(frozen=True)
class LargestRows(Result):
    """The largest rows at the latest record, by ‖Z[w]‖_2.

    Attributes:
        step: of the record.
        touched: rows ever touched.
        vocabulary: V.
        every: all touched rows (left out of the JSON).
    """

    run: str
    step: int
    touched: int
    vocabulary: int
    rows: list[Row]
    every: TouchedRows

    def document(self) -> dict[str, Any]:
        """Without the rows that are not among the largest."""
        return {name: value for name, value in asdict(self).items() if name != "every"}

    def text(self) -> str:
        """A line per row."""
        rows = [(row.token, f"{row.norm:.4f}", row.count) for row in self.rows]
        text = f"step {self.step}: {self.touched} of {self.vocabulary} rows were ever touched\n"
        return text + columns(rows, ("token", "|Z[w]|", "times written"))


@analysis("table", "TextAT's table", TableSettings, needs="run")
def table(run: Run, asked: TableSettings, progress: Progress = None) -> LargestRows:
    """The largest rows of a run's table.

    Raises:
        UserError: it is not one of TextAT's, or has no record yet.
    """
    tokenizer, state = tokenizer_of(run.config["model"]), table_state(run)
    ids, counts, norms = state.tokens.tolist(), state.counts.tolist(), state.norms.tolist()
    names = tokenizer.convert_ids_to_tokens(ids)
    order = state.norms.argsort(descending=True)[: asked.top].tolist()
    grown = growth(run, [ids[at] for at in order])
    rows = [Row(names[at], ids[at], norms[at], counts[at], grown[ids[at]]) for at in order]
    every = TouchedRows(names, counts, norms, parts(tokenizer, ids))
    return LargestRows(run.id, state.step, len(ids), state.vocabulary, rows, every)
