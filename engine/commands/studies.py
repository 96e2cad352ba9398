"""Studies: many runs, declared in a file."""

import argparse
import sys
import time
from pathlib import Path

from engine.commands.common import Verb, show
from engine.errors import UserError

FORMATS = ("markdown", "latex", "csv")


def add(verb: Verb) -> None:
    """The verbs of this module."""
    made = verb("study", _study, "Run a study (methods × settings × seeds × data sets × models) and print its table.")
    made.add_argument("file", type=Path, help="TOML or YAML: name, methods, datasets, models, seeds, run, settings")
    made.add_argument("--format", default="markdown", help="markdown, latex or csv (markdown)")
    made.add_argument("--results", action="store_true", help="only print what there is; start nothing")


def _study(options: argparse.Namespace) -> None:
    from engine.compare import results, studies
    from engine.errors import known
    from engine.runs.build import check

    known("format", options.format, list(FORMATS))
    study = studies.read_study(options.file)
    wanted = studies.cells(study)
    if not options.results:
        for config in {(cell.dataset, cell.model): cell.config for cell in wanted}.values():
            check(config)
        runs = studies.advance(wanted, study.name, restart=True)
        last = ""
        while True:
            state = studies.progress_of(wanted, runs)
            line = ", ".join(f"{count} {name}" for name, count in state.items() if count)
            if line != last:
                print(f"{study.name}: {line}", file=sys.stderr)
                last = line
            if state["completed"] + state["failed"] == len(wanted) and not state["active"] + state["queued"]:
                break
            time.sleep(1.0)
            runs = studies.advance(wanted, study.name)
    runs = studies.runs_of(wanted)
    rows = results.results(wanted, runs)
    if not rows:
        raise UserError("No run of this study has completed yet. Run it without --results.")
    text = {"markdown": results.as_markdown, "latex": results.as_latex, "csv": results.as_csv}[options.format](rows)
    document = {
        "name": study.name,
        "rows": rows,
        "runs": {cell.key: runs[cell.key].id for cell in wanted if cell.key in runs},
    }
    show(document, options.json, text.rstrip())
