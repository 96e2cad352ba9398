"""The order of the data: drawn from (seed, epoch) alone, so that a resumed run meets the batches it would have met."""

from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import datasets
import torch
from accelerate.data_loader import SeedableRandomSampler
from torch.utils.data import BatchSampler, RandomSampler, Sampler
from transformers import Trainer, TrainerCallback, set_seed
from transformers.trainer_pt_utils import LengthGroupedSampler, get_length_grouped_indices
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from engine import distributed, manifest
from engine.data.rows import EncodedRows


class EpochLengthGroupedSampler(LengthGroupedSampler):
    """Length-grouped order drawn from (seed, epoch) alone, so that a resumed run meets the same batches."""

    def __init__(self, *args: Any, seed: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called at the start of each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + 1_000_003 * self.epoch)
        return iter(get_length_grouped_indices(self.lengths, self.batch_size, generator=generator))


class ReplaySampler(BatchSampler):
    """Yields every group of batches `replays` times in a row (FreeAT).

    A group is what one optimiser step consumes: accumulation steps × processes. The last group of an epoch is filled up
    from the first batches, so that each of its replays is one optimiser step on one group of δ; with several processes,
    which take turns, a short batch too, as accelerate does itself.
    """

    def __init__(
        self,
        sampler: Sampler[int],
        batch_size: int,
        drop_last: bool,
        *,
        replays: int,
        accumulation: int,
        processes: int,
    ) -> None:
        super().__init__(sampler, batch_size, drop_last)
        self.replays, self.group, self.processes = replays, accumulation * processes, processes

    def set_epoch(self, epoch: int) -> None:
        """Hand the epoch on to the sampler."""
        if hasattr(self.sampler, "set_epoch"):
            self.sampler.set_epoch(epoch)

    def __len__(self) -> int:
        return -(-super().__len__() // self.group) * self.group * self.replays

    def __iter__(self) -> Iterator[list[int]]:
        waiting: list[list[int]] = []
        for batch in self._whole(super().__iter__()):
            waiting.append(batch)
            if len(waiting) == self.group:
                yield from waiting * self.replays
                waiting = []

    def _whole(self, batches: Iterator[list[int]]) -> Iterator[list[int]]:
        count = 0
        first: list[int] = []
        for count, batch in enumerate(batches, 1):
            first += batch if count <= self.group else []
            missing = self.batch_size - len(batch) if self.processes > 1 else 0
            yield batch + list(islice(cycle(first), missing))
        for place in range(-count % self.group):
            yield list(islice(cycle(first), place * self.batch_size, (place + 1) * self.batch_size))


class SeededTrainer(Trainer):
    """A `Trainer` whose order of the data, and all else that it draws, depends on the seed alone.

    Its checkpoints have a manifest (`engine.manifest`), written last.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._order: Any = None
        self.add_callback(_Epochs(self))

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Trainer's, but seeded here too: the result does not depend on what ran in the process before."""
        set_seed(self.args.seed)
        return super().train(*args, **kwargs)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        # Each process writes its own random state; what is said to be whole must have them all.
        super()._save_checkpoint(model, trial)
        distributed.wait_for_all()
        if self.args.should_save:
            folder = Path(self._get_output_dir(trial=trial)) / f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
            manifest.write(folder)

    def set_epoch(self, epoch: int) -> None:
        """Tell the sampler: what skips batches after a resume, or shards them, does not always hand it on."""
        if hasattr(self._order, "set_epoch"):
            self._order.set_epoch(epoch)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        # The whole data set, since the one that is handed over has lost its length column.
        dataset: Any = self.train_dataset
        if isinstance(dataset, EncodedRows):
            self._order = dataset.places(self._data_seed)
            return self._order
        sampler = super()._get_train_sampler(dataset)
        seed = self._data_seed
        if isinstance(sampler, LengthGroupedSampler):
            # Grouped by what all processes take together: the order is that of one process with as large a batch.
            size = sampler.batch_size * self.args.world_size
            known = isinstance(dataset, datasets.Dataset) and self.args.length_column_name in dataset.column_names
            # Without its format: the lengths of a split that is tokenised when it is read must not make that happen.
            own = dataset.with_format(None)[self.args.length_column_name] if known else sampler.lengths
            sampler = EpochLengthGroupedSampler(size, lengths=list(own), seed=seed)
        elif isinstance(sampler, RandomSampler) and self._replays > 1:
            sampler = SeedableRandomSampler(sampler.data_source, data_seed=seed)
        self._order = sampler
        return sampler

    @property
    def _data_seed(self) -> int:
        return int(self.args.seed if self.args.data_seed is None else self.args.data_seed)

    @property
    def _replays(self) -> int:
        return 1


class _Epochs(TrainerCallback):
    """Tells the trainer's sampler which epoch begins."""

    def __init__(self, trainer: SeededTrainer) -> None:
        self.trainer = trainer

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """In the middle of an epoch after a resume."""
        self.trainer.set_epoch(int(state.epoch or 0))
