"""ELECTRA: a small generator fills masks, a discriminator says of every token whether it was replaced."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.segmentation import ordinary_tokens
from engine.data.tasks import IGNORED
from engine.objectives import OBJECTIVES
from engine.objectives.base import Objective
from engine.objectives.collator import MaskingCollator
from engine.objectives.electra_pair import (
    GENERATOR_FOLDER,
    HEAD_FILE,
    ELECTRAPair,
    make_generator,
)
from engine.objectives.masking import Masker, MaskingSettings, Strategy
from engine.settings import CONFIG

TOP = 5  # Guesses of the generator among which the masked token counts as found.


def _mean(values: Tensor) -> float:
    return float(values.mean()) if len(values) else 0.0


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class ELECTRASettings(MaskingSettings):
    """Settings of ELECTRA; the defaults are the paper's."""

    strategy: Strategy = "original"
    """Which tokens the generator fills: original (single tokens, as in the paper), wwm or ngram."""
    mask_punctuation: bool = True
    """Punctuation can be masked too, as in the published code: 15 % of all tokens but special ones."""
    replace_share: float = Field(default=1.0, ge=0, le=1)
    """Share of the selected tokens that the generator sees as [MASK] (paper: all)."""
    random_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the selected tokens that the generator sees as random ones (paper: none)."""
    discriminator_weight: float = Field(default=50.0, ge=0)
    """λ, the weight of the discriminator's loss (paper: 50)."""
    generator_size: float = Field(default=0.25, gt=0, le=1)
    """Width of the generator as a share of the discriminator's (paper: 1/4 to 1/2)."""
    generator_start: Literal["new", "model"] = "new"
    """What the generator's layers start from: new (random weights, as in the paper) or model (the model's own layers, where
    few texts would teach new ones little; needs `generator_size` 1 and a model that is built as BERT is)."""
    shared_embeddings: Literal["all", "words", "none"] = "all"
    """What the generator shares with the discriminator: all (word, position and type embeddings and their LayerNorm, as
    in the published code, where the encoder has them), words, or none."""
    temperature: float = Field(default=1.0, gt=0, le=10)
    """Temperature of the generator's softmax from which replacements are sampled (paper: 1)."""
    from_scratch: bool = False
    """Start the discriminator from random weights instead of the model's."""


@OBJECTIVES.add
class ELECTRA(Objective):
    r"""Replaced token detection (Clark et al., ICLR 2020).

    min L_MLM(θ_G) + λ L_Disc(θ_D), λ = 50. 15 % of the tokens are masked; the generator predicts them (L_MLM over the
    masked places) and a token is sampled for each from its softmax, without a gradient. The discriminator says of
    every real token whether it was replaced (L_Disc, binary cross-entropy over all that is not padding); a sampled
    token equal to the original counts as original. Afterwards the generator is thrown away.

    Args:
        encoder: the discriminator's body (`AutoModel`).
        tokenizer: any.
        settings: see `ELECTRASettings`.
        generator: a ready one (of a hub pair); None makes a new one.
        head: a ready one for the discriminator; None makes a new one.

    Shapes: input_ids `[B, L]`, generator logits `[B, L, V]`, discriminator logits `[B, L]`.
    """

    name = "electra"
    year = 2020
    title = "ELECTRA"
    reference = "Clark et al., ICLR 2020"
    equation = (
        r"\min_{\theta_G,\theta_D}\;\mathcal{L}_{MLM}(x,\theta_G)+\lambda\,\mathcal{L}_{Disc}(x,\theta_D),\qquad"
        r"\mathcal{L}_{Disc}=-\sum_t\log p_{\theta_D}\big(\mathbb{1}[\tilde x_t=x_t]\mid\tilde x,t\big)"
    )
    summary = "A small generator replaces words with likely ones; the encoder learns to tell which were replaced."
    Settings = ELECTRASettings
    main_metric = "auc"

    def __init__(
        self,
        encoder: Any,
        tokenizer: Any,
        settings: ELECTRASettings,
        *,
        generator: Any = None,
        head: nn.Module | None = None,
        seed: int = 0,
    ) -> None:
        if settings.strategy == "mac":
            raise ValueError("ELECTRA's generator fills masks: strategy must be original, wwm or ngram")
        self.settings, self.tokenizer = settings, tokenizer
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.module: ELECTRAPair = ELECTRAPair(
                encoder,
                generator
                or make_generator(
                    encoder,
                    settings.generator_size,
                    seed,
                    settings.shared_embeddings,
                    settings.generator_start == "model",
                ),
                head,
                ordinary_tokens(tokenizer),
            )
        self.collator = MaskingCollator(Masker(tokenizer, settings))

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """L_MLM + λ L_Disc."""
        inputs, labels = self.masked(batch)
        chosen = labels != IGNORED
        masked_ids = inputs.pop("input_ids")
        found = model(masked_ids, batch["input_ids"], self.settings.temperature, chosen=chosen, **inputs)
        picked, wanted = found["generated"].float(), labels[chosen]
        mlm = F.cross_entropy(picked, wanted, reduction="sum") / max(1, len(wanted))
        real = inputs["attention_mask"].bool()
        replaced = (found["corrupted"] != batch["input_ids"])[real]
        verdicts = found["replaced"][real].float()
        discriminator = F.binary_cross_entropy_with_logits(verdicts, replaced.float())
        loss = mlm + self.settings.discriminator_weight * discriminator
        found_among = picked.topk(min(TOP, picked.shape[-1])).indices == wanted[:, None]
        return loss, {
            "generator_correct": found_among[:, 0].float(),
            "generator_top5": found_among.any(dim=1).float(),
            "replaced": replaced.float(),
            "verdicts": verdicts.detach(),
            "mlm_loss": mlm.detach().reshape(1),
            "discriminator_loss": discriminator.detach().reshape(1),
        }

    def metrics(self, collected: Mapping[str, Tensor]) -> dict[str, float]:
        """AUC, precision and recall of the discriminator; how often the generator's first guess, and one of its first five, is
        the masked token; both losses.
        """
        from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

        replaced, verdicts = collected["replaced"].numpy() > 0, collected["verdicts"].numpy()
        both = replaced.any() and not replaced.all()
        precision, recall, _, _ = precision_recall_fscore_support(
            replaced, verdicts > 0, average="binary", zero_division=0.0
        )
        return {
            "auc": float(roc_auc_score(replaced, verdicts)) if both else 0.5,
            "precision": float(precision),
            "recall": float(recall),
            "generator_accuracy": _mean(collected["generator_correct"]),
            "generator_top5": _mean(collected["generator_top5"]),
            "mlm_loss": float(collected["mlm_loss"].mean()),
            "discriminator_loss": float(collected["discriminator_loss"].mean()),
        }

    def save(self, folder: Path) -> None:
        """The discriminator as a plain encoder; its head and the generator beside it, for the ELECTRA page alone."""
        self.module.encoder.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        head = {name: tensor.detach().contiguous() for name, tensor in self.module.head.state_dict().items()}
        save_file(head, folder / HEAD_FILE)
        self.module.generator.save_pretrained(folder / GENERATOR_FOLDER)
