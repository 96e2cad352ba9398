"""What there is: methods, data sets, models."""

import argparse

from engine.commands.common import Verb, show
from engine.tables import columns


def add(verb: Verb) -> None:
    """The verbs of this module."""
    verb("methods", _methods, "List the methods, their settings and their cost.")
    verb("datasets", _datasets, "List the built-in data sets.")
    verb("models", _models, "List the built-in models.")


def _methods(options: argparse.Namespace) -> None:
    from engine.methods import METHODS

    found = [
        {
            "name": method.name,
            "title": method.title,
            "reference": method.reference,
            "summary": method.summary,
            "equation": method.equation,
            "settings": method.Settings.schema(),
            "presets": {
                name: {**values, **method.preset_runs.get(name, {})} for name, values in method.presets.items()
            },
            "cost": method().floor / 3,
        }
        for method in METHODS.all()
    ]
    rows = [(each["name"], f"{each['cost']:.2f}", ", ".join(each["settings"]) or "-") for each in found]
    text = columns(rows, ("method", "cost of a batch / vanilla", "settings"))
    presets = "\n".join(f"{each['name']}: {', '.join(each['presets'])}" for each in found if each["presets"])
    show(found, options.json, f"{text}\n\npresets (--preset):\n{presets}")


def _datasets(options: argparse.Namespace) -> None:
    from engine.data.sources import builtin_tasks

    found = [
        {
            "name": task.name,
            "kind": task.kind,
            "labels": task.label_names,
            "metrics": task.metrics,
            "language": task.language,
            "description": task.description,
            "source": task.source,
        }
        for task in builtin_tasks()
    ]
    rows = [(each["name"], each["kind"], each["language"], each["description"]) for each in found]
    text = columns(rows, ("data set", "kind", "language", "what it is"))
    show(found, options.json, f"{text}\nAlso: a path to a TSV, CSV, JSONL or Parquet file or folder, or a hub name.")


def _models(options: argparse.Namespace) -> None:
    from engine.model_names import BUILTIN

    found = [{"name": name, "description": text} for name, text in BUILTIN.items()]
    text = columns([(each["name"], each["description"]) for each in found], ("model", "what it is"))
    show(found, options.json, f"{text}\nAlso: a folder with safetensors weights, or a hub name.")
