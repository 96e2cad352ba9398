"""What an analysis looks at, by a reference that can be written down: a classifier, an ELECTRA pair, a run, nothing."""

import hashlib
from typing import Any

import pandas as pd

from engine.data.sources import load_dataset
from engine.progress import Progress
from engine.runs.run import RUN
from engine.runs.store import Store
from engine.subjects.classifier import load_classifier
from engine.subjects.pair import load_electra


def load_subject(needs: str, reference: str, progress: Progress = None) -> Any:
    """The subject of an analysis.

    Args:
        needs: `classifier`, `pair` (an ELECTRA generator and discriminator), `run` or `nothing`.
        reference: a classifier's: a model's name, folder or hub name, or `run:RUN` or `run:RUN@STEP`. A pair's:
            `run:RUN`, or "" for the ready-made one. A run's: its id or name.
        progress: called with (done, total) while something is trained first.

    Raises:
        UserError: there is no such thing.
    """
    run = reference.removeprefix(RUN) if reference.startswith(RUN) else None
    if needs == "classifier":
        return load_classifier(None if run else reference or None, run, progress)
    if needs == "pair":
        return load_electra(run or reference or None, progress)
    if needs == "run":
        return Store().find(run or reference)
    return None


def fingerprint(subject: Any) -> str:
    """A text that changes when the subject does: for a model, from its weights; for a run, from its id, status and
    table (written at evaluations); "" for nothing.
    """
    if subject is None:
        return ""
    if hasattr(subject, "fingerprint"):
        return str(subject.fingerprint)
    written = subject.table_file.stat().st_mtime_ns if subject.table_file.exists() else 0
    return f"{subject.id} {subject.status} {written}"


def data_fingerprint(dataset: str) -> str:
    """A fingerprint of the texts and labels of all splits of a data set, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, table in sorted(load_dataset(dataset).splits.items()):
        digest.update(name.encode())
        digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:16]
