"""docs/gains.md and docs/ledger.md from what benchmarks/gains.py measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from app.drawing import figures
from benchmarks.writing import picture, table
from engine.analysis.ledger import paper_of, said_of
from engine.analysis.pareto import ParetoSettings
from engine.runs.run import Run
from engine.statistics import bootstrap, holm, sign_flip
from engine.studies.ledger import Entry, claims, ledger
from engine.studies.results import mark_of
from engine.studies.studies import StudyCell

KINDS = {"clean": "accuracy", "under attack": "robust"}  # What is compared → the metric.


@dataclass(frozen=True)
class Piece:
    """A piece of the study. `choice`: method → factor → held-out accuracy; `factors`: method → the factor that was chosen."""

    dataset: str
    examples: int | None
    steps: int
    cells: list[StudyCell]
    runs: dict[str, Run]
    choice: dict[str, dict[float, float]]
    factors: dict[str, float]

    def of(self, method: str) -> list[Run]:
        """A method's runs, in the seeds' order."""
        return [self.runs[cell.key] for cell in self.cells if cell.method == method]

    @property
    def methods(self) -> list[str]:
        """Vanilla first."""
        return list(dict.fromkeys(cell.method for cell in self.cells))


@dataclass(frozen=True)
class Compared:
    """A method beside vanilla, in points. `gains`: per seed; `p`: exact sign-flip test; `corrected`: by Holm over the methods."""

    values: list[float]
    gains: list[float]
    p: float
    corrected: float

    @property
    def verdict(self) -> str:
        """By the corrected test."""
        if self.corrected >= 0.05:
            return "no difference shown"
        return "**gain**" if fmean(self.gains) > 0 else "**loss**"


def compared(piece: Piece, metric: str) -> dict[str, Compared]:
    """Every method beside vanilla with the same seeds."""
    values = {method: [100 * run.metrics[metric] for run in piece.of(method)] for method in piece.methods}
    gains = {
        method: [a - b for a, b in zip(own, values["vanilla"], strict=True)]
        for method, own in values.items()
        if method != "vanilla"
    }
    tests = {method: sign_flip(own) for method, own in gains.items()}
    corrected = dict(zip(tests, holm(list(tests.values())), strict=True))
    return {method: Compared(values[method], gains[method], tests[method], corrected[method]) for method in gains}


def section(piece: Piece, name: str) -> list[str]:
    """A piece's heading, table, settings and marks."""
    rows = []
    found = {kind: compared(piece, metric) for kind, metric in KINDS.items()}
    for method in piece.methods:
        row = {"method": method + " ⚠" * bool(mark_of(piece.of(method)))}
        for kind, metric in KINDS.items():
            values = [100 * run.metrics[metric] for run in piece.of(method)]
            row[f"{kind} (%)"] = f"{fmean(values):.1f} ({min(values):.1f} to {max(values):.1f})"
            one = found[kind].get(method)
            low, high = bootstrap(one.gains) if one else (0.0, 0.0)
            row[f"gain {kind}"] = f"{fmean(one.gains):+.2f} ({low:+.2f} to {high:+.2f})" if one else ""
            row[f"p {kind}"] = f"{one.p:.3f}; {one.corrected:.3f}" if one else ""
            row[f"verdict {kind}"] = one.verdict if one else ""
        row["time of a run (s)"] = f"{median(run.seconds for run in piece.of(method)):.0f}"
        rows.append(row)
    marked = [
        f"{cell.method}, seed {cell.seed} ({piece.runs[cell.key].mark})" for cell in piece.cells if piece.runs[cell.key].mark
    ]  # fmt: skip
    lengths = ", ".join(f"{method} {factor:.2g}" for method, factor in piece.factors.items())
    return [
        f"## {name}: {piece.dataset}, {'all' if piece.examples is None else f'{piece.examples:,}'} labelled examples, {piece.steps} steps",
        "",
        table(rows),
        f"Lengths of δ, times the defaults: {lengths}. Always saying the more frequent class:"
        f" {100 * piece.of('vanilla')[0].metrics['majority']:.1f} %.",
        "",
        *([f"⚠ Collapsed, and in the figures of their methods: {'; '.join(marked)}.", ""] if marked else []),
    ]  # fmt: skip


def drawn(pieces: Mapping[str, Piece], kind: str) -> str:
    """The gains of all pieces as bars."""
    bars = {
        name: {method: fmean(one.gains) for method, one in compared(piece, KINDS[kind]).items()}
        for name, piece in pieces.items()
    }
    title = f"Gain over vanilla, {kind} (mean over the seeds)"
    return picture(figures.bars(bars, "method", "gain (points)"), f"gains-{kind.replace(' ', '-')}", title)


def choices(pieces: Mapping[str, Piece]) -> list[str]:
    """What every data set's lengths were chosen by."""
    found = []
    for dataset, piece in {piece.dataset: piece for piece in pieces.values()}.items():
        rows = []
        for method, of in piece.choice.items():
            said = [f"{factor:.2g}: {100 * accuracy:.1f}" for factor, accuracy in of.items()]
            marks = ["**" * (factor == piece.factors[method]) for factor in of]
            rows.append({"method": method, **{f"factor {at}: held-out accuracy (%)": f"{mark}{one}{mark}"
                                              for at, (mark, one) in enumerate(zip(marks, said, strict=True), 1)}})  # fmt: skip
        found += [f"{dataset}, chosen in bold:", "", table(rows)]
    return found


def gains_page(pieces: Mapping[str, Piece], attack: ParetoSettings, rule: str) -> list[str]:
    """docs/gains.md."""
    config = next(iter(pieces.values())).cells[0].config
    seeds = len(next(iter(pieces.values())).of("vanilla"))
    others = len(next(iter(pieces.values())).methods) - 1
    return [
        "# Where does adversarial training gain?",
        "",
        f"Made by `python benchmarks/gains.py`: the built-in encoder, batch {config.batch_size}, texts of at most {config.max_length} tokens,"
        f" learning rate {config.learning_rate:g}, {seeds} seeds. A seed draws the labelled examples, their order, the head and dropout, and is the same for all"
        " methods: a gain is a method's accuracy less that of vanilla with the same seed. *Clean* is the whole validation split; *under attack*"
        f" is what {attack.attack.upper()} leaves at ε = {attack.epsilon:g} (Frobenius norm per sentence, {2 * attack.steps} steps) of"
        f" {attack.limit} validation sentences, the same for all. Accuracies: mean (lowest to highest) over the seeds; gains in points: mean"
        " with a 95 % bootstrap interval over the seeds, which says nothing of other validation sentences; p: exact sign-flip test, then the"
        f" same with Holm's correction for a piece's {others} methods, by which the verdict goes. All figures: [gains.json](gains.json).",
        "",
        *(drawn(pieces, kind) for kind in KINDS),
        *(line for name, piece in pieces.items() for line in section(piece, name)),
        "## How the lengths of δ were chosen",
        "",
        rule,
        "",
        *choices(pieces),
    ]  # fmt: skip


def claimed(entry: Entry) -> dict[str, str]:
    """What a paper says, as the first columns of a row."""
    claim = entry.claim
    return {"paper": paper_of(entry), "row": claim.row, "task": claim.task, "claimed": f"{claim.gain:+.1f}"}


def measured_of(pieces: Mapping[str, Piece]) -> list[tuple[Entry, Piece]]:
    """The claims that were measured, in the papers' order; of each all pieces of its task, the smallest first."""
    found = [
        (each, piece) for piece in pieces.values() for each in ledger(list(piece.runs.values())) if each.p is not None
    ]
    order = {claim: place for place, claim in enumerate(claims())}
    return sorted(found, key=lambda one: order[one[0].claim])


def ledger_row(entry: Entry, piece: Piece) -> dict[str, str]:
    """A claim beside one piece."""
    robust = compared(piece, KINDS["under attack"])[entry.claim.method]
    low, high = bootstrap(robust.gains)
    return {
        **claimed(entry),
        "measured (95 %)": said_of(entry),
        "on": on(entry),
        "seeds": str(entry.seeds),
        "p": f"{entry.p:.3f}",
        "verdict": entry.verdict,
        "under attack (95 %)": f"{fmean(robust.gains):+.2f} ({low:+.2f} to {high:+.2f})",
        "p under attack": f"{robust.p:.3f}",
    }


def ledger_page(pieces: Mapping[str, Piece]) -> list[str]:
    """docs/ledger.md: the claims that were measured, and how many were not."""
    rows = [ledger_row(*each) for each in measured_of(pieces)]
    runs = [run for piece in pieces.values() for run in piece.runs.values()]
    return [
        "# The ledger",
        "",
        "What the papers' tables claim (gain over the baseline, in points) beside what [the study of gains](gains.md) measured with the"
        " built-in encoder. Made by `python benchmarks/gains.py`; `python -m engine ledger` and *Compare → Ledger* do the same with your"
        " own runs (the largest comparison of each claim), and give for every row the study that measures it again. The papers' models are 5 to 16 times as large and are trained to"
        " the end, on all data: *not seen* here refutes no paper, and *seen* here confirms none. Each p is of one row, without a correction"
        " for their number. *Under attack* is no claim of the tables: the gain in accuracy under attack of the same runs.",
        "",
        table(rows) if rows else "Nothing has been measured yet.\n",
        *left_out([each for each in ledger(runs) if each.p is None]),
    ]


def left_out(entries: Sequence[Entry]) -> list[str]:
    """The claims that were not measured: there is no data of their task, or no run of the method on it."""
    rows = [
        {
            **claimed(each),
            "verdict": each.verdict,
            "why": each.why,
        }
        for each in entries
    ]
    return [f"## Not measured: {len(rows)} claims", "", table(rows)] if rows else []


def on(entry: Entry) -> str:
    """The data of a row and how much of it."""
    return f"{entry.data.split('@')[0]}, {'all' if entry.examples is None else f'{entry.examples:,}'} examples, {entry.steps} steps"


def pages(pieces: Mapping[str, Piece], attack: ParetoSettings, rule: str) -> dict[str, list[str]]:
    """Both pages' lines, by the files' names."""
    return {"gains": gains_page(pieces, attack, rule), "ledger": ledger_page(pieces)}
