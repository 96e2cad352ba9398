"""Interval bounds: a bag of word vectors and a two-layer network, trained so that its bounds are tight (IBP training).

Small enough to be seen through. A word may become any of its similar words, whatever becomes of the others: so the least and the
largest value of every hidden unit are known exactly, and are pushed on through the network. Where the right class wins in the
worst corner, nothing that an adversary chooses changes the answer (Jia et al. 2019, section 3; interval bound propagation:
Gowal et al. 2018).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.progress import Progress, told
from engine.subjects.samples import margins

HIDDEN = 32
EPOCHS = 24
BATCH = 64
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Texts:
    """Texts of words with vectors. `words`: `[N, L, K + 1]`, the place of each word and of what it may become (itself again
    where there is less); `mask`: `[N, L]`, 0 beyond a text's end.
    """

    words: Tensor
    mask: Tensor

    def __getitem__(self, rows: Tensor | slice) -> "Texts":
        return Texts(self.words[rows], self.mask[rows])

    def __len__(self) -> int:
        return len(self.words)


def indexed(texts: Sequence[Sequence[str]], sets: Callable[[str], Sequence[str]], place: dict[str, int]) -> Texts:
    """Texts, given as their words, as places in a vocabulary. `sets`: what a word may become, itself left out."""
    found: dict[str, list[int]] = {}

    def pool(word: str) -> list[int]:
        if word not in found:
            near = (place.get(each, place.get(each.lower())) for each in sets(word))
            found[word] = [place[word.lower()], *(at for at in near if at is not None)]
        return found[word]

    rows = [[pool(word) for word in words] for words in texts]
    longest, most = max(map(len, rows)), max(len(each) for row in rows for each in row)
    words = torch.zeros(len(rows), longest, most, dtype=torch.long)
    mask = torch.zeros(len(rows), longest)
    for at, row in enumerate(rows):
        mask[at, : len(row)] = 1.0
        words[at, : len(row)] = torch.tensor([each + each[:1] * (most - len(each)) for each in row])
    return Texts(words, mask)


class BagOfWords(nn.Module):
    """W_2 ReLU(b_1 + mean_i W_1 v(w_i)) + b_2 of words w_i with fixed vectors v.

    Args:
        vectors: `[V, D]`, of the vocabulary.
    """

    def __init__(self, vectors: Tensor, classes: int) -> None:
        super().__init__()
        self.vectors = vectors
        self.first, self.second = nn.Linear(vectors.shape[1], HIDDEN), nn.Linear(HIDDEN, classes)

    def parts(self, texts: Texts) -> Tensor:
        """What every word, and everything that it may become, adds to the hidden units: W_1 v / L, `[N, L, K + 1, H]`."""
        used, back = texts.words.unique(return_inverse=True)
        shares = texts.mask / texts.mask.sum(dim=1, keepdim=True)
        # A look-up, whose gradient is summed in one order, so that equal calls give equal results.
        found: Tensor = nn.functional.embedding(back, nn.functional.linear(self.vectors[used], self.first.weight))
        found = found * shares[..., None, None]
        return found

    def answer(self, before: Tensor) -> Tensor:
        """The logits `[N, C]` of hidden units before their bias and ReLU, `[N, H]`."""
        logits: Tensor = self.second((before + self.first.bias).relu())
        return logits

    def forward(self, texts: Texts) -> Tensor:
        """The logits of the texts as they are, `[N, C]`."""
        return self.answer(self.parts(texts)[:, :, 0].sum(dim=1))

    def lowest_margins(self, parts: Tensor, labels: Tensor, share: float = 1.0) -> Tensor:
        """A lower bound of z_y - z_j over all that the words may become, `[N, C]` (0 at j = y).

        Every hidden unit's interval is exact. The difference is bounded through both rows of W_2 at once, which is tighter than
        the intervals of both logits.

        Args:
            parts: see there. share: how much of the way from the words to the ends of the intervals is looked at.
        """
        own = parts[:, :, 0]
        low, high = (
            (own + share * (end - own)).sum(dim=1) + self.first.bias for end in (parts.amin(dim=2), parts.amax(dim=2))
        )
        low, high = low.relu(), high.relu()
        rows = self.second.weight[labels][:, None] - self.second.weight[None]  # [N, C, H]
        lowest = (rows.clamp_min(0) * low[:, None] + rows.clamp_max(0) * high[:, None]).sum(dim=-1)
        bias: Tensor = self.second.bias[labels][:, None] - self.second.bias[None]
        return lowest + bias

    def bound(self, texts: Texts, labels: Tensor) -> Tensor:
        """A lower bound of the label's margin (its logit less the largest other), `[N]`; above 0 the answer is certain."""
        found = self.lowest_margins(self.parts(texts), labels)
        return found.scatter(1, labels[:, None], float("inf")).amin(dim=1)


def train(
    texts: Texts, labels: Tensor, model: BagOfWords, *, weight: float, seed: int, progress: Progress = None
) -> BagOfWords:
    """The model after Adam on (1 - κ) of the cross-entropy and κ of that on the bounds (Jia et al. 2019, section 3.3).

    Args:
        weight: κ in the end; it grows from 0, and the intervals with it to their whole size.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
        for epoch in range(EPOCHS):
            share = min(1.0, 1.5 * epoch / EPOCHS)
            for rows in torch.randperm(len(labels)).split(BATCH):
                parts, right = model.parts(texts[rows]), labels[rows]
                loss = nn.functional.cross_entropy(model.answer(parts[:, :, 0].sum(dim=1)), right)
                if share * weight:
                    # The worst logits, less the label's own, which cross-entropy does not see.
                    worst = -model.lowest_margins(parts, right, share)
                    loss = (1 - share * weight) * loss + share * weight * nn.functional.cross_entropy(worst, right)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            told(progress, epoch + 1, EPOCHS)
    return model.eval().requires_grad_(False)


def attacked(model: BagOfWords, text: Texts, label: int) -> tuple[list[int], float]:
    """Which of its choices every word of one text becomes, and the margin then: the best single exchange is made again and again,
    as long as the margin falls (coordinate descent).
    """
    parts = model.parts(text)[0]
    length, most, width = parts.shape
    chosen, right = [0] * length, torch.full((length * most,), label)
    held = parts[:, 0].clone()
    margin = float(margins(model.answer(held.sum(dim=0)[None]), right[:1])[0])
    while True:
        tried = held.sum(dim=0) + (parts - held[:, None]).reshape(-1, width)
        found = margins(model.answer(tried), right)
        best = int(found.argmin())
        if float(found[best]) >= margin - 1e-9:
            return chosen, margin
        place, choice = divmod(best, most)
        chosen[place], held[place], margin = choice, parts[place, choice], float(found[best])
