"""Where δ enters a model: the output of its word-embedding look-up, or the hidden states that go into one of its blocks.

The model is always called with its own inputs (`input_ids`, …). A hook at the site puts the perturbation in, so that it
works where the weights are only there during the forward pass, and on models that take nothing but ids.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from threading import RLock
from typing import Annotated, Any
from weakref import WeakKeyDictionary, WeakSet

from pydantic import AfterValidator, Field
from torch import Tensor, nn

from engine.anatomy import Passed, blocks, looked_up
from engine.errors import UserError

EMBEDDINGS = "embeddings"
ALLOWED = re.compile(r"embeddings|layer:(0|[1-9][0-9]{0,3})")


def said_at(site: str) -> str:
    """Where δ enters, as a line to be put after what a text output begins with; "" for the word embeddings."""
    return "" if site == EMBEDDINGS else f"\nδ enters at {site}: norms are in the units of its hidden states."


def units(name: str) -> str:
    """What lengths of δ at a site are measured in, for people."""
    return "embedding units" if name == EMBEDDINGS else f"units of {name}"


class Site:
    """A place in a model where δ is put in. One model has each of its sites once (see `site_of`).

    A model's passes at its sites come one after the other: a second thread waits.

    Attributes:
        name: `embeddings` or `layer:N`.
        module: the look-up, whose output is moved; or a block, whose input is.
        call: which of the module's calls in a forward pass is meant (ALBERT calls one block N times, T5 looks words up for
            its decoder too).
        width: D, of what passes there.
        tokens_first: whether that is `[L, B, D]` (XLNet); δ is `[B, L, D]` all the same.
    """

    def __init__(self, name: str, at: Passed) -> None:
        self.name, self.module, self.call = name, at.module, at.call
        self.width, self.tokens_first = at.width, bool(at.tokens_first)
        # What the hook does in the pass that runs: add `delta`, or put `value` in the place of what comes.
        self.delta: Tensor | None = None
        self.value: Tensor | None = None
        self.calls = 0
        self._one_at_a_time = RLock()
        if name == EMBEDDINGS:
            at.module.register_forward_hook(self._after)
        else:
            at.module.register_forward_pre_hook(self._before, with_kwargs=True)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Site":
        return self  # A copy of the model copies its hooks; this site stays its model's, and the copy gets its own.

    def _moved(self, module: nn.Module, hidden: Tensor) -> Tensor:
        if module is not self.module or (self.delta is None and self.value is None):
            return hidden
        mine = self.calls == self.call
        self.calls += 1
        if not mine:
            return hidden
        if self.value is not None:
            return self.value.transpose(0, 1) if self.tokens_first else self.value
        assert self.delta is not None
        delta = self.delta.transpose(0, 1) if self.tokens_first else self.delta
        return hidden + delta.to(hidden.dtype)

    def _after(self, module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        return self._moved(module, output)

    def _before(self, module: nn.Module, inputs: Any, options: dict[str, Any]) -> Any:
        if inputs:
            return (self._moved(module, inputs[0]), *inputs[1:]), options
        return inputs, {**options, "hidden_states": self._moved(module, options["hidden_states"])}

    def adding(self, delta: Tensor) -> AbstractContextManager[None]:
        """Passes in this block have `delta` `[B, L, D]` added at the site."""
        return self.during(delta, None)

    def putting(self, value: Tensor) -> AbstractContextManager[None]:
        """Passes in this block have `value` `[B, L, D]` at the site, whatever comes there."""
        return self.during(None, value)

    @contextmanager
    def during(self, delta: Tensor | None, value: Tensor | None, calls: int = 0) -> Iterator[None]:
        """Passes in this block have the one or the other; `calls` of the module were made before."""
        with self._one_at_a_time:
            before = self.delta, self.value, self.calls
            self.delta, self.value, self.calls = delta, value, calls
            try:
                yield
            finally:
                self.delta, self.value, self.calls = before


def _known(name: str) -> str:
    if not ALLOWED.fullmatch(name):
        raise ValueError(f"site must be {EMBEDDINGS} or layer:N (N counts the blocks from 0), but it is {name[:40]!r}.")
    return name


# The type of a field that names a site.
SiteName = Annotated[str, Field(max_length=20), AfterValidator(_known)]

_SITES: WeakKeyDictionary[nn.Module, dict[str, Site]] = WeakKeyDictionary()
_CHECKPOINTED: WeakSet[nn.Module] = WeakSet()


def site_of(module: nn.Module, name: str, inputs: Mapping[str, Tensor]) -> Site:
    """A site of a model, found by one forward pass over a row of `inputs` when it is first asked for.

    Args:
        module: the bare model.
        name: `embeddings` or `layer:N`.
        inputs: `input_ids` `[B, L]`, `attention_mask` and what else the model takes.

    Raises:
        UserError: the model has no such place; says why, and which it has.
    """
    found = _SITES.setdefault(module, {})
    if name not in found:
        if getattr(module, "is_activation_checkpointing", False) and module not in _CHECKPOINTED:
            checkpointing(module)  # Somebody else's would compute the blocks anew without δ.
        found[name] = _site(module, name, inputs)
    return found[name]


def checkpointing(module: Any) -> None:
    """Switch gradient checkpointing on: blocks are computed once more in the backward pass, with the δ that they had.

    Raises:
        UserError: the model cannot.
    """

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _Again(_SITES.get(module, {}).values())

    try:
        module.activation_checkpointing_enable({"use_reentrant": False, "context_fn": contexts})
    except ValueError:
        raise UserError(
            f"gradient_checkpointing: {module.config.model_type} models cannot compute their blocks anew in the backward pass."
        ) from None
    _CHECKPOINTED.add(module)


def _site(module: Any, name: str, inputs: Mapping[str, Tensor]) -> Site:
    if name == EMBEDDINGS:
        return Site(name, looked_up(module, inputs))
    there, place, kind = blocks(module, inputs), int(name.partition(":")[2]), module.config.model_type
    if not there:
        raise UserError(
            f"{name}: {kind} models have no row of blocks that keep one vector per token. Allowed is {EMBEDDINGS}."
        )
    if place >= len(there):
        raise UserError(f"{name}: this {kind} model has the blocks layer:0 to layer:{len(there) - 1}.")
    return Site(name, there[place])


class _Again:
    """What the sites of a model do now, to be done once more, as often as the block is entered."""

    def __init__(self, sites: Iterable[Site]) -> None:
        self._held = [(site, site.delta, site.value, site.calls) for site in sites]
        self._open = ExitStack()

    def __enter__(self) -> None:
        for site, delta, value, calls in self._held:
            self._open.enter_context(site.during(delta, value, calls))

    def __exit__(self, *_: object) -> None:
        self._open.close()
