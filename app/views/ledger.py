"""The papers' claims beside what was measured."""

from textwrap import shorten

import pandas as pd

from app.drawing import figures
from app.drawing.shown import Figure, Table
from app.views import VIEWS, Views
from engine.analysis.ledger import Ledger, paper_of, said_of
from engine.runs.run import marked
from engine.studies.ledger import NOT_SEEN, NOT_TESTABLE, OPPOSITE, SEEN

view = VIEWS.add(Views("ledger", "compare", part="Ledger"))

SIGNS = {SEEN: "✓ seen", NOT_SEEN: "○ not seen", OPPOSITE: "✗ opposite", NOT_TESTABLE: "– not testable here"}


@view("gains", "Claimed and measured gains")
def gains(found: Ledger) -> Figure:
    """A line per claim that there is data for: the paper's gain, and what was measured with enough seeds, with its interval."""
    shown = [each for each in found.entries if each.data]
    names = [
        f"{place + 1}. {paper_of(each).split(',')[0]}: {shorten(each.claim.row, 28, placeholder=' …')}, {each.claim.task}"
        for place, each in enumerate(shown)
    ]
    made = figures.figure("gain over the baseline (points)", "claim", 120 + 34 * max(1, len(shown)))
    done = [(name, each) for name, each in zip(names, shown, strict=True) if each.low is not None]
    measured, lows, highs = ([getattr(each, name) or 0.0 for _, each in done] for name in ("measured", "low", "high"))
    made.add_scatter(
        x=[each.claim.gain for each in shown], y=names, mode="markers", name="claimed",
        marker={"color": figures.SERIES[1], "symbol": figures.MARKERS[1], "size": 10},
        hovertemplate="%{y}<br>claimed %{x:+.2f}<extra></extra>",
    )  # fmt: skip
    made.add_scatter(
        x=measured, y=[name for name, _ in done], mode="markers", name="measured here (95 %)",
        marker={"color": figures.SERIES[0], "symbol": figures.MARKERS[0], "size": 9},
        error_x={
            "type": "data", "symmetric": False, "array": [high - at for at, high in zip(measured, highs, strict=True)],
            "arrayminus": [at - low for at, low in zip(measured, lows, strict=True)],
        },
        customdata=[
            marked(f"{each.data}, {each.seeds} seeds, p = {each.p:.3f}: {each.verdict}", each.mark) for _, each in done
        ],
        hovertemplate="%{y}<br>%{x:+.2f}<br>%{customdata}<extra></extra>",
    )  # fmt: skip
    made.update_layout(showlegend=True)
    made.add_vline(x=0, line={"color": "#888888", "width": 1})
    made.update_yaxes(autorange="reversed", type="category", categoryorder="array", categoryarray=names)
    return Figure(made)


@view("table", "The ledger")
def table(found: Ledger) -> Table:
    """A row per claim."""
    rows = [
        {
            "paper": paper_of(each), "row": each.claim.row, "task": each.claim.task, "claimed": f"{each.claim.gain:+.1f}",
            "verdict": SIGNS[each.verdict], "measured (95 %)": said_of(each), "why": " ".join(filter(None, [each.why, each.mark and f"⚠ Of the runs here: {each.mark}."])),
            "on": f"{each.data} (stand-in)" if each.stand_in else each.data, "model": each.model, "steps": str(each.steps or ""),
            "seeds": str(each.seeds or ""), "p": "" if each.p is None else f"{each.p:.3f}",
        }
        for each in found.entries
    ]  # fmt: skip
    return Table(pd.DataFrame(rows))
