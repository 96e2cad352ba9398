"""Studies: many runs, declared in a file."""

import argparse
import sys
from pathlib import Path

from engine.commands.common import Verb, show
from engine.errors import UserError

FORMATS = ("markdown", "latex", "csv")


def add(verb: Verb) -> None:
    """The verbs of this module."""
    made = verb("study", _study, "Run a study (methods × settings × seeds × data sets × models) and print its table.")
    made.add_argument("file", type=Path, help="TOML or YAML: name, methods, datasets, models, seeds, run, settings")
    made.add_argument("--format", default="markdown", help="markdown, latex or csv (markdown)")
    made.add_argument("--ray", metavar="ADDRESS", help="spread the runs over a Ray cluster: auto, HOST:PORT or local")
    made.add_argument("--results", action="store_true", help="only print what there is; start nothing")


def _study(options: argparse.Namespace) -> None:
    from engine.errors import known
    from engine.studies import results, studies, training

    known("format", options.format, list(FORMATS))
    study = studies.read_study(options.file)
    wanted = studies.cells(study)
    if not options.results:
        training.check_inputs(wanted)
        studies.save_study(study, replace=True)  # So that Compare shows it too.

        def said(state: dict[str, int]) -> None:
            words = ", ".join(f"{count} {kind}" for kind, count in state.items() if count)
            print(f"{study.name}: {words}", file=sys.stderr, flush=True)

        if options.ray is None:
            training.train_in_queue(wanted, study.name, said)
        else:
            from engine.studies.spread import train_on_ray

            train_on_ray(wanted, study.name, options.ray, said)
    runs = training.runs_of(wanted)
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
