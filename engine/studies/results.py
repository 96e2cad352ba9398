"""What a study found: medians and spreads over seeds, a test against vanilla, costs; as a table and in files' formats."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from engine import tables
from engine.runs.run import Run, marked
from engine.statistics import sign_flip
from engine.studies.budget import passes_of_step
from engine.studies.studies import StudyCell

LEAST_SEEDS = 6  # A two-sided sign-flip test of fewer pairs cannot fall below 0.05: 2 / 2^5 = 0.0625.


def results(wanted: Sequence[StudyCell], runs: Mapping[str, Run]) -> list[dict[str, Any]]:
    """One row per data set, model and method (with what is swept), of its completed runs.

    Returns:
        `dataset`, `model`, `method`, `label`, `swept`, `metric`, `values` (seed → value), `median`, `lowest`, `highest`,
        `passes` (that a run costs at least, in forward passes of a minibatch), `seconds` (median), `steps_per_second` (median),
        `cost` (seconds / vanilla's on the same data and model), `memory` (peak, MB, median), `mark` (of collapsed runs), `p` (sign-flip against vanilla over common seeds, None without), `verdict` in words.
    """

    def group(cell: StudyCell) -> tuple[str, str, str]:
        return cell.dataset, cell.model, cell.label

    rows = []
    for (dataset, model, label), members in groupby(wanted, group):
        kept = list(members)
        done = [
            (cell.seed, runs[cell.key]) for cell in kept if cell.key in runs and runs[cell.key].status == "completed"
        ]
        if not done:
            continue
        metric = done[0][1].metrics["main_metric"]
        values = {seed: float(run.metrics[metric]) for seed, run in done}
        memory = [run.info["peak_memory_mb"] for _, run in done if "peak_memory_mb" in run.info]
        rows.append(
            {
                "dataset": dataset,
                "model": model,
                "method": kept[0].method,
                "label": label,
                "swept": kept[0].swept,
                "metric": metric,
                "values": values,
                "median": float(np.median(list(values.values()))),
                "lowest": min(values.values()),
                "highest": max(values.values()),
                "passes": passes_of_step(kept[0].config) * float(np.median([run.step for _, run in done])),
                "seconds": float(np.median([run.seconds for _, run in done])),
                "steps_per_second": float(np.median([run.step / max(run.seconds, 1e-9) for _, run in done])),
                "memory": float(np.median(memory)) if memory else None,
                "mark": mark_of([run for _, run in done]),
            }
        )
    for row in rows:
        base = next(
            (
                each
                for each in rows
                if each["method"] == "vanilla" and (each["dataset"], each["model"]) == (row["dataset"], row["model"])
            ),
            None,
        )
        row["cost"] = row["seconds"] / base["seconds"] if base else None
        row["p"], row["verdict"] = _against(row, base)
    return rows


def mark_of(runs: Sequence[Run]) -> str:
    """How many of some runs have figures that say nothing, and why (see `Run.doubt`); "" if none has."""
    marks = [run.doubt for run in runs if run.doubt]
    if not marks:
        return ""
    return marks[0] if len(runs) == 1 else f"{len(marks)} of {len(runs)}: {marks[0]}"


def _against(row: Mapping[str, Any], base: Mapping[str, Any] | None) -> tuple[float | None, str]:
    if base is None or row is base:
        return None, "" if base is row else "no vanilla runs to compare with"
    seeds = sorted(set(row["values"]) & set(base["values"]))
    differences = [row["values"][seed] - base["values"][seed] for seed in seeds]
    p = sign_flip(differences)
    if len(seeds) < LEAST_SEEDS:
        return p, f"no claim: {len(seeds)} common seeds, at least {LEAST_SEEDS} are needed"
    if p >= 0.05:
        return p, "no difference shown"
    return p, "better than vanilla" if float(np.mean(differences)) > 0 else "worse than vanilla"


def table(rows: Sequence[Mapping[str, Any]], mark: tuple[str, str] = ("", "")) -> pd.DataFrame:
    """As the papers print it: methods down, data sets (and models) across, median (lowest to highest); then the costs.

    Args:
        mark: what stands before and after the best median of a column: one that is alone, of `LEAST_SEEDS` seeds, and has not collapsed.
    """
    several = len({row["model"] for row in rows}) > 1
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        column = f"{row['dataset'].rsplit('/', 1)[-1]} ({row['metric']})"
        column += f", {row['model'].rsplit('/', 1)[-1]}" if several else ""
        rivals = [each["median"] for each in rows if (each["dataset"], each["model"]) == (row["dataset"], row["model"])]
        best = row["median"] == max(rivals) and len(rivals) > 1 and rivals.count(row["median"]) == 1
        before, after = mark if best and len(row["values"]) >= LEAST_SEEDS and not row.get("mark") else ("", "")
        cell = f"{before}{row['median']:.3f}{after} ({row['lowest']:.3f} to {row['highest']:.3f}; n = {len(row['values'])})"
        found.setdefault(row["label"], {})[column] = marked(cell, row.get("mark", ""))
    for label, line in found.items():
        own = [row for row in rows if row["label"] == label]
        line["forward passes"] = f"{np.median([row['passes'] for row in own]):.0f}"
        line["time (s)"] = f"{np.median([row['seconds'] for row in own]):.0f}"
        line["steps/s"] = f"{np.median([row['steps_per_second'] for row in own]):.2f}"
        costs = [row["cost"] for row in own if row["cost"] is not None]
        line["time / vanilla"] = f"{np.median(costs):.2f}" if costs else ""
        memory = [row["memory"] for row in own if row["memory"] is not None]
        line["peak memory (MB)"] = f"{np.median(memory):.0f}" if memory else ""
        line["against vanilla"] = "; ".join(dict.fromkeys(row["verdict"] for row in own if row["verdict"]))
    return pd.DataFrame([{"method": label, **line} for label, line in found.items()]).fillna("")


def as_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table in Markdown, the best of a column in bold."""
    made = table(rows, ("**", "**"))
    lines = [list(made.columns), *made.astype(str).to_numpy().tolist()]
    return tables.as_markdown([[str(cell).replace("|", "\\|") for cell in line] for line in lines]) + "\n"


def as_latex(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table as a LaTeX `tabular`, the best of a column in bold."""
    made = table(rows, ("@@", "@!"))
    text = str(made.to_latex(index=False, escape=True))
    return text.replace("@@", r"\textbf{").replace("@!", "}")


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line per run's value: data set, model, method, seed, metric, value; with the row's costs."""
    flat = [
        {**{key: row[key] for key in ("dataset", "model", "label", "metric")}, "seed": seed, "value": value, "passes": row["passes"],
         "seconds": row["seconds"], "steps_per_second": row["steps_per_second"], "time_over_vanilla": row["cost"], "peak_memory_mb": row["memory"], "p": row["p"]}
        for row in rows
        for seed, value in row["values"].items()
    ]  # fmt: skip
    return tables.as_csv(pd.DataFrame(flat))
