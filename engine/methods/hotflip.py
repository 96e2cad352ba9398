"""HotFlip: training on sentences some of whose words were swapped where the gradient says that it hurts."""

from collections.abc import Mapping
from typing import Any

import torch
from accelerate.utils import extract_model_from_parallel
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from engine.anatomy import table_of
from engine.data.segmentation import language_of, piece_text, words_by_marks
from engine.lexicon.candidates import TokenCandidates, similar_candidates
from engine.lexicon.similar import similar_words
from engine.methods import METHODS
from engine.methods.base import Method
from engine.methods.passes import PerturbedBatch, Report
from engine.settings import CONFIG, Settings


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class HotFlipSettings(Settings):
    """Settings of HotFlip training."""

    most_changed: float = Field(default=0.3, gt=0, le=1)
    """Largest share of a sentence's words that are swapped, at least one (A2T: 0.1 to 0.2)."""
    candidates: int = Field(default=12, ge=1, le=50)
    """Similar words of which the one with the largest gain is taken."""
    keep_meaning: bool = True
    """Leave out opposites, words of another part of speech, and those whose rating by people has the other sign (English)."""
    adversarial_weight: float = Field(default=1.0, ge=0)
    """Weight of the swapped sentences' loss beside the clean one (A2T: 1)."""
    every: int = Field(default=1, ge=1, le=1000)
    """Words are swapped in one batch of so many; the others are trained on as they are."""
    similar: str = ""
    """Similar words: en, zh or a word2vec file; empty: by the language of the first batch."""


@METHODS.add
class HotFlip(Method[HotFlipSettings]):
    r"""Training on word swaps by gradient (Ebrahimi et al. 2018, eq. (4); trained on as in A2T, Yoo and Qi 2021).

    One backward pass at X gives ∇_θ of the clean loss and g = ∇_X L. Putting c in the place of w_i changes L by about
    (E[c] - E[w_i])·g_i: for each word the candidate with the largest gain, then the words with the largest positive gains, all
    at once. min_θ L(X) + λ L(X'). Words are those that are one token and begin with a mark of the vocabulary; closed-class words
    stay. A2T swaps one after the other, with a pass for each, and checks the sentence's similarity. Cost of a step: 3 + 3/n.
    """

    name = "hotflip"
    year = 2021
    title = "HotFlip training"
    reference = "Ebrahimi et al., ACL 2018, eq. (4); Yoo and Qi, EMNLP Findings 2021"
    equation = (
        r"\min_\theta\; L(X)+\lambda L(X'),\quad w_i'=\arg\max_{c\in C(w_i)}\big(E[c]-E[w_i]\big)\cdot\nabla_{X_i}L"
    )
    summary = (
        "Swaps words for similar ones where the gradient says that the loss grows, and learns both sentences. No δ."
    )
    Settings = HotFlipSettings
    perturbs = False
    takes_gradient = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.candidates: TokenCandidates | None = None  # Known from the first batch on.
        self._batches = 0

    @property
    def floor(self) -> float:
        """Two passes forward and back; the second in one batch of n (and none with λ = 0)."""
        return 3.0 + (3.0 / self.settings.every if self.settings.adversarial_weight else 0.0)

    def accumulate(self, batch: PerturbedBatch, scale: float, micro_batch: int) -> Report:
        """The clean pass, whose gradient chooses the words too; then the pass over the swapped ids."""
        swapping = self.settings.adversarial_weight > 0 and self._batches % self.settings.every == 0
        self._batches += 1
        clean = batch.forward(ascent=swapping)
        task = batch.loss(clean.logits)
        gradient, report = batch.backward(task * scale, clean), Report(task.detach())
        if swapping:
            ids = self.swapped(batch, gradient)
            there = self.embed(batch.model, {**batch.inputs(), "input_ids": ids}, **batch.options)
            at = there.forward(ascent=False)
            loss = there.loss(at.logits)
            there.backward(loss * (scale * self.settings.adversarial_weight), at)
            there.finish()
            report.figures["swapped_words"] = (ids != batch.ids).sum() / len(ids)
            report.loss = report.loss + self.settings.adversarial_weight * loss.detach()
        return report

    def swapped(self, batch: PerturbedBatch, gradient: Tensor) -> Tensor:
        """The ids `[B, L]` with the swaps of the largest gains."""
        ids, rows = batch.ids, batch.ids.tolist()
        if self.candidates is None:
            own, tokens = self.settings, self.tokenizer.convert_ids_to_tokens(ids.flatten().tolist())
            source = similar_words(own.similar or language_of(piece_text(tokens)))
            words = similar_candidates(source, own.candidates, own.keep_meaning)
            self.candidates = TokenCandidates(self.tokenizer, words, own.candidates)
        number = torch.tensor([words_by_marks(self.tokenizer, row) for row in rows], device=ids.device)
        number = number.where(batch.attention.bool(), -1)
        alone = (number[:, :, None] == number[:, None, :]).sum(dim=-1) == 1
        usable = (number >= 0) & alone & batch.mask
        others = torch.tensor([[self.candidates(token) for token in row] for row in rows], device=ids.device)
        table = table_of(extract_model_from_parallel(batch.model, keep_torch_compile=False))
        moves = table[others] - table[ids][:, :, None]
        gain, best = (moves @ gradient[..., None])[..., 0].max(dim=-1)
        rank = gain.masked_fill(~usable, float("-inf")).argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        budget = (self.settings.most_changed * (number.amax(dim=1) + 1)).long().clamp_min(1)
        chosen = usable & (gain > 0) & (rank < budget[:, None])
        return ids.where(~chosen, others.gather(2, best[..., None])[..., 0])

    def state_dict(self) -> dict[str, Tensor]:
        """How many batches it has seen."""
        return {"batches": torch.tensor(self._batches)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state_dict` gave."""
        self._batches = int(state["batches"])
