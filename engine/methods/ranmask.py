"""RanMASK: fine-tuning on texts of which only a few words are shown, so that random ablation can certify the model."""

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from engine.data.segmentation import words_by_marks
from engine.errors import UserError
from engine.methods import METHODS
from engine.methods.passes import Report, batch_seed
from engine.methods.vanilla import Vanilla
from engine.perturbation import drawn_by, example_keys
from engine.settings import CONFIG, Settings


def shown_words(keep: float, words: int) -> int:
    """How many of n words are shown: the share `keep`, at least one and, where there are two, not all."""
    return min(max(1, round(keep * words)), max(1, words - 1))


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class RanMASKSettings(Settings):
    """Settings of RanMASK."""

    keep: float = Field(default=0.3, gt=0, lt=1)
    """Share of the words that a random mask keeps: the certificate's (Zeng et al.: 0.7 for SST-2, 0.1 for AG News)."""


@METHODS.add
class RanMASK(Vanilla):
    r"""min_θ E_M E L(f_θ(M(X)), y), M a fresh uniform draw of k of the n words, all others hidden (Zeng et al. 2021, section 3).

    Every token of a hidden word becomes the mask token. Nothing is perturbed: what is learnt is to answer from few words, which
    `certify --kind ablation` needs. Words are found by their tokens' marks (`segmentation.words_by_marks`); punctuation is
    shown. Cost of a step: 3, as vanilla's.

    Settings: keep 0.3. A draw depends on the seed and on the example's own tokens, not on batch, padding or process.

    >>> from engine.methods.ranmask import RanMASK
    >>> RanMASK(keep=0.5).floor
    3.0
    """

    name = "ranmask"
    year = 2021
    title = "RanMASK"
    reference = "Zeng et al., arXiv 2105.03743, section 3"
    equation = r"\min_\theta\; \mathbb{E}_{(X,y)}\,\mathbb{E}_{M}\, L(f_\theta(M(X)), y),\quad M:\ k\ \text{of}\ n\ \text{words}"
    summary = "Fine-tunes on sentences most of whose words are hidden, so that a vote over random masks can be certified. No δ."
    Settings = RanMASKSettings
    settings: RanMASKSettings

    def step(self, model: nn.Module, batch: Mapping[str, Tensor], **options: Any) -> Report:
        """As `Method.step`, on the batch with words hidden.

        Raises:
            UserError: no tokenizer was given, or it has no mask token.
        """
        return super().step(model, {**batch, "input_ids": self.hidden(batch)}, **options)

    @classmethod
    def check_tokenizer(cls, tokenizer: Any) -> None:
        """It must have a mask token."""
        if getattr(tokenizer, "mask_token_id", None) is None:
            raise UserError("RanMASK hides words behind the mask token of the model's tokenizer, and there is none.")

    def hidden(self, batch: Mapping[str, Tensor]) -> Tensor:
        """The ids `[B, L]` with the mask token in place of all words but a random choice in every example."""
        self.check_tokenizer(self.tokenizer)
        mask, ids = self.tokenizer.mask_token_id, batch["input_ids"]
        attention = batch.get("attention_mask", torch.ones_like(ids))
        seed, generator, found = batch_seed(), torch.Generator(), ids.clone()
        for row, key in enumerate(example_keys(ids, attention)):
            words = torch.tensor(words_by_marks(self.tokenizer, ids[row].tolist()))
            words[attention[row].cpu() == 0] = -1
            there = words[words >= 0].unique()
            order = torch.randperm(len(there), generator=drawn_by(generator, seed, key))
            gone = there[order[shown_words(self.settings.keep, len(there)) :]]
            found[row, torch.isin(words, gone).to(ids.device)] = mask
        return found
