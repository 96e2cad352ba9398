"""The papers' claims, what was measured here, and a verdict."""

from collections import Counter
from dataclasses import dataclass

from engine.analysis import Result, analysis
from engine.progress import Progress
from engine.runs.store import Store
from engine.settings import Settings
from engine.studies.ledger import NOT_TESTABLE, Entry, ledger
from engine.studies.published import SOURCES
from engine.tables import columns


@dataclass(frozen=True)
class Ledger(Result):
    """`entries`: in the order of the papers' tables."""

    entries: list[Entry]

    def text(self) -> str:
        """A row per claim, and how many there are of each verdict."""
        rows = [
            (
                paper_of(each), each.claim.row[:20], each.claim.task, f"{each.claim.gain:+.1f}", said_of(each), each.data,
                str(each.seeds), "–" if each.p is None else f"{each.p:.3f}", each.verdict,
            )
            for each in self.entries
        ]  # fmt: skip
        heads = ("paper", "row", "task", "claimed", "measured (95 %)", "on", "seeds", "p", "verdict")
        return f"Gains over the baseline, in points.\n\n{columns(rows, heads)}\n\n{self.verdict()}\n"

    def verdict(self) -> str:
        """How many claims were seen, and how many not."""
        counts = Counter(each.verdict for each in self.entries)
        tested = len(self.entries) - counts[NOT_TESTABLE]
        said = ", ".join(f"{name} {count}" for name, count in counts.items() if name != NOT_TESTABLE)
        return f"Of {len(self.entries)} claims {tested} could be tested here{': ' if said else ''}{said}."


def paper_of(entry: Entry) -> str:
    """The paper and its table, short."""
    source = SOURCES[entry.claim.table]
    return f"{source.paper.split(', ')[1]}, {source.table}"


def said_of(entry: Entry) -> str:
    """The measured gain with its interval."""
    if entry.measured is None:
        return "–"
    if entry.low is None:
        return f"{entry.measured:+.2f}, untested"
    return f"{entry.measured:+.2f} ({entry.low:+.2f} to {entry.high:+.2f})"


@analysis("ledger", "The ledger", Settings, needs="nothing")
def ledger_of_runs(nothing: None, asked: Settings, progress: Progress = None) -> Ledger:
    """Every claim of the papers' tables with the largest comparison among the completed runs."""
    return Ledger(ledger(Store().all()))
