"""What most pages need, imported once, by one thread at a time.

Two threads that import `transformers` from two ends wait for one another; Python ends that by giving one of them half a module, and a page fails on a name that "cannot be imported".
"""

import threading
from importlib import import_module
from types import ModuleType

from engine.process import quick_imports

HEAVY = ("transformers.models.bert.modeling_bert", "datasets", "peft", "engine.subjects.classifier", "engine.catalogue")
LIGHT = ("app.panels.notebook", "app.panels.runs")  # Notes and runs are drawn without them.
FIRST_PAINT = 1.5  # seconds that a first page has to itself
_ONE_AT_A_TIME = threading.Lock()


def bring(module: str) -> ModuleType:
    """A module, after all that is `HEAVY` (unless it is `LIGHT`)."""
    if module in LIGHT:
        return import_module(module)
    with _ONE_AT_A_TIME, quick_imports():
        for each in HEAVY:
            import_module(each)
        return import_module(module)


def bring_ahead() -> None:
    """Import what is `HEAVY` while the first page is read: it takes seconds, which the second page then does not."""
    ahead = threading.Timer(FIRST_PAINT, bring, HEAVY[-1:])
    ahead.daemon = True
    ahead.start()
