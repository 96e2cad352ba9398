"""How torch's threads wait. Imported before torch, by whatever starts a process (CLI, worker, app)."""

import os


def wait_politely() -> None:
    """Let idle OpenMP threads sleep instead of spin, unless the environment says otherwise.

    On a machine with few cores a training and the app that shows it would otherwise take each other's turns: two
    processes ran ten times slower side by side, not twice.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
