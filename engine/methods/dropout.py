"""One dropout mask for several passes."""

import torch
from torch import Tensor


class FixedDropout:
    """The same dropout mask in several passes: enter once per pass, the random state is put back each time.

    FreeLB section 3.3: the K gradients are those of one network only if the mask is kept. Dropout stays on.
    """

    def __init__(self, device: torch.device, enabled: bool = True) -> None:
        self._device, self._enabled = device, enabled
        self._states: tuple[Tensor, Tensor | None] | None = None

    def __enter__(self) -> None:
        if not self._enabled:
            return
        backend = getattr(torch, self._device.type, None) if self._device.type != "cpu" else None
        if self._states is None:
            self._states = (torch.get_rng_state(), backend.get_rng_state() if backend else None)
            return
        torch.set_rng_state(self._states[0])
        if backend:
            backend.set_rng_state(self._states[1])

    def __exit__(self, *_: object) -> None:
        return None
