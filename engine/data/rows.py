"""Rows of a data set that is larger than what is read at once, drawn from its files as a training needs them.

They are drawn block by block (see `blocks`), the blocks in an order drawn from (seed, epoch), the rows of a block from (seed, epoch,
block), texts of like length together. The memory is that of two blocks, the first step as soon at any size, and a resumed run goes
on at the same row without reading those before it.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.data.blocks import Blocks
from engine.data.columns import Chosen
from engine.data.labels import NONE, Labels
from engine.data.tasks import held_out
from engine.errors import UserError


@dataclass(frozen=True)
class _Block:
    """A block that was read. `table`: texts in Arrow; `labels`: numbers; `order`: the row that is drawn in each place."""

    table: Any
    labels: Any
    order: np.ndarray[Any, Any]


class StreamedRows:
    """The training rows of a streamed data set, `len` of them.

    Args:
        blocks: of the files. chosen: their columns. pair: whether the texts are pairs. labels: how they are read.
        keeps_out: whether the texts that `held_out` names are not drawn.
    """

    def __init__(self, blocks: Blocks, chosen: Chosen, labels: Labels, *, pair: bool, keeps_out: bool) -> None:
        self.blocks, self.chosen, self.labels, self.pair, self.keeps_out = blocks, chosen, labels, pair, keeps_out
        self.starts = np.concatenate([[0], np.cumsum(blocks.counts)])
        self._held: OrderedDict[tuple[int, ...], _Block] = OrderedDict()

    def __len__(self) -> int:
        return int(self.starts[-1])

    def drawn(self, places: Sequence[tuple[int, int]], seed: int, batch_size: int) -> dict[str, list[Any]]:
        """The rows in some places of epochs: `text`, perhaps `text_pair`, `label`.

        Args:
            places: (epoch, place) of each; places of one block are one after another.

        Raises:
            UserError: a label that the sample did not have, or a file that is damaged; says where.
        """
        found: dict[str, list[Any]] = {"text": [], "label": [], **({"text_pair": []} if self.pair else {})}
        for epoch, place in places:
            number = int(np.searchsorted(self.starts, place, side="right")) - 1
            block = self._block(number, epoch, seed, batch_size)
            row = int(block.order[place - self.starts[number]])
            for name in found:
                found[name].append(block.labels[row] if name == "label" else block.table[name][row].as_py())
        return found

    def _block(self, number: int, epoch: int, seed: int, batch_size: int) -> _Block:
        key = (number, epoch, seed, batch_size)
        if key not in self._held:
            self._held[key] = self._read(number, np.random.default_rng([seed, epoch, number]), batch_size)
            while len(self._held) > 2:  # A batch may reach from one block into the next.
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        return self._held[key]

    def _read(self, number: int, draw: np.random.Generator, batch_size: int) -> _Block:
        import pyarrow.compute as pc

        table = as_texts(self.blocks.read(number, self.chosen.names()), self.chosen, self.pair)
        labels = self._labels(table["label"].to_pylist(), number)
        texts = [table[name].to_pylist() for name in ("text", *(["text_pair"] if self.pair else []))]
        usable = np.asarray([
            label is not None and bool(row[0].strip()) and not (self.keeps_out and held_out(*row))
            for label, row in zip(labels, zip(*texts, strict=True), strict=True)
        ])  # fmt: skip
        if not usable.any():
            raise UserError(f"{self.blocks.place(number, 0)}: none of {len(labels):,} rows has a text and a label.")
        # Rows that cannot be drawn leave their places to the first others: the number of places is known without reading.
        order = np.resize(draw.permutation(np.flatnonzero(usable)), len(labels))
        lengths = sum(pc.utf8_length(table[name]).to_numpy() for name in table.column_names if name != "label")
        return _Block(table, labels, grouped(order, np.asarray(lengths), batch_size, draw))

    def _labels(self, written: Sequence[str], number: int) -> list[float | int | None]:
        read: dict[str, float | int | None] = {}
        for row, label in enumerate(written):
            if label in read:
                continue
            value = None if label.casefold() in NONE else self.labels.of(label)
            if value is None and label.casefold() not in NONE:
                allowed = ", ".join(self.labels.names[:12]) or "numbers"
                raise UserError(
                    f"{self.blocks.place(number, row)}: labels out of range: {label[:40]!r}; the labels of the sample are {allowed}. If"
                    " it is one of them, put it among the first rows of a file, or name the classes in a smaller file before."
                )
            read[label] = value if value is None or self.labels.kind == "regression" else int(value)
        return [read[label] for label in written]


def grouped(
    order: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any], batch_size: int, draw: np.random.Generator
) -> np.ndarray[Any, Any]:
    """An order with texts of like length side by side: fifty batches at a time by their length, these batches in any order."""
    many = 50 * batch_size
    parts = []
    for start in range(0, len(order), many):
        part = order[start : start + many]
        part = part[np.argsort(lengths[part], kind="stable")]
        whole = len(part) - len(part) % batch_size
        batches = part[:whole].reshape(-1, batch_size)
        parts += [batches[draw.permutation(len(batches))].reshape(-1), part[whole:]]
    return np.concatenate(parts)


def as_texts(table: Any, chosen: Chosen, pair: bool) -> Any:
    """A block's columns as `text`, perhaps `text_pair`, and `label`; nothing is missing, "" stands for it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    taken = {"text": chosen.text, **({"text_pair": chosen.pair} if pair else {}), "label": chosen.label}
    columns = {name: pc.fill_null(table[own], "").combine_chunks() for name, own in taken.items()}
    columns["label"] = pc.utf8_trim_whitespace(columns["label"])
    return pa.table(columns)


class EncodedRows:
    """`StreamedRows` as examples for a `DataLoader` (whose base class would bring torch to whoever lists data sets): tokenised as batches are drawn. A place is `epoch * len + place` (see `EpochPlaces`)."""

    def __init__(self, rows: StreamedRows, tokenise: Any, seed: int, batch_size: int) -> None:
        self.rows, self.tokenise, self.seed, self.batch_size = rows, tokenise, seed, batch_size

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """The examples of a batch."""
        rows = self.rows.drawn([divmod(place, len(self)) for place in places], self.seed, self.batch_size)
        encoded = self.tokenise(rows)
        return [dict(zip(encoded, values, strict=True)) for values in zip(*encoded.values(), strict=True)]

    def __getitem__(self, place: int) -> dict[str, Any]:
        """One example, for whoever does not ask for several at once."""
        return self.__getitems__([place])[0]

    def places(self, seed: int) -> "EpochPlaces":
        """The order in which they are drawn."""
        return EpochPlaces(self.rows.starts, seed)


class EpochPlaces:
    """The places of an epoch: block after block, the blocks in an order drawn from (seed, epoch). Nothing is read for it."""

    def __init__(self, starts: np.ndarray[Any, Any], seed: int) -> None:
        self.starts, self.seed, self.epoch = starts, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called at the start of each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __iter__(self) -> Iterator[int]:
        first = self.epoch * len(self)
        for block in np.random.default_rng([self.seed, self.epoch]).permutation(len(self.starts) - 1):
            yield from range(first + int(self.starts[block]), first + int(self.starts[block + 1]))
