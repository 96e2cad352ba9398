"""ELECTRA: a small generator fills masks, a discriminator says of every token whether it was replaced."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from engine.objectives import OBJECTIVES
from engine.objectives.base import Objective
from engine.objectives.collator import MaskingCollator
from engine.objectives.masking import IGNORED, Masker, MaskingSettings, Strategy
from engine.settings import CONFIG

HEAD_FILE = "replaced_token_head.safetensors"
GENERATOR_FOLDER = "generator"


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
    shared_embeddings: Literal["all", "words", "none"] = "all"
    """What the generator shares with the discriminator: all (word, position and type embeddings and their LayerNorm, as
    in the published code, where the encoder has them), words, or none."""
    temperature: float = Field(default=1.0, gt=0, le=10)
    """Temperature of the generator's softmax from which replacements are sampled (paper: 1)."""
    from_scratch: bool = False
    """Start the discriminator from random weights instead of the model's."""


def replaced_token_head(width: int) -> nn.Sequential:
    """The discriminator's head over every token: [B, L, D] → [B, L, 1] (paper: one hidden layer, GELU)."""
    return nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1))


SHARED = {
    "all": ("word_embeddings", "position_embeddings", "token_type_embeddings", "LayerNorm"),
    "words": ("word_embeddings",),
    "none": (),
}


def share_embeddings(encoder: Any, generator: Any, share: str = "all") -> None:
    """Make the generator's embeddings the encoder's, the very same `Parameter`s; its output layer is tied to the words.

    What the encoder has not, or not in the generator's shape, the generator keeps for itself; so too position embeddings
    that are not counted from 0 (RoBERTa's).

    Args:
        share: a key of `SHARED`.
    """
    own, words = generator.electra.embeddings, encoder.get_input_embeddings()
    theirs = next(each for each in encoder.modules() if any(child is words for child in each.children()))
    for name in SHARED[share]:
        mine, other = getattr(own, name, None), words if name == "word_embeddings" else getattr(theirs, name, None)
        if mine is None or other is None or (name == "position_embeddings" and other.padding_idx is not None):
            continue
        shapes = [{key: value.shape for key, value in each.named_parameters()} for each in (mine, other)]
        if shapes[0] != shapes[1]:
            continue
        for key, parameter in other.named_parameters():
            setattr(mine, key, parameter)
    generator.generator_lm_head.weight = own.word_embeddings.weight


def make_generator(encoder: Any, size: float, seed: int = 0, share: str = "all") -> Any:
    """A generator of `size` times the encoder's width with its depth; `share`: see `share_embeddings`."""
    from transformers import ElectraConfig, ElectraForMaskedLM

    config, words = encoder.config, encoder.get_input_embeddings()
    heads = max(1, round(getattr(config, "num_attention_heads", 4) * size))
    width = max(1, round(config.hidden_size * size / heads)) * heads
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = ElectraForMaskedLM(
            ElectraConfig(
                vocab_size=words.weight.shape[0],
                embedding_size=words.weight.shape[1],
                hidden_size=width,
                num_attention_heads=heads,
                num_hidden_layers=config.num_hidden_layers,
                intermediate_size=4 * width,
                max_position_embeddings=config.max_position_embeddings,
                type_vocab_size=getattr(config, "type_vocab_size", 0) or 2,
                pad_token_id=config.pad_token_id or 0,
            )
        )
    share_embeddings(encoder, generator, share)
    return generator


class ELECTRAPair(nn.Module):
    """Generator and discriminator as one module."""

    def __init__(self, encoder: Any, generator: Any, head: nn.Module | None = None) -> None:
        super().__init__()
        self.encoder, self.generator = encoder, generator
        self.head = head or replaced_token_head(encoder.config.hidden_size)

    def generate(
        self, masked_ids: Tensor, attention_mask: Tensor, chosen: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """The generator's logits at the n chosen places alone, [n, V]: the output layer is its largest by far."""
        hidden = self.generator.electra(
            input_ids=masked_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        logits: Tensor = self.generator.generator_lm_head(self.generator.generator_predictions(hidden[chosen]))
        return logits

    def detect(self, input_ids: Tensor, **inputs: Tensor) -> Tensor:
        """Logits that each token was replaced, [B, L]."""
        hidden = self.encoder(input_ids=input_ids, **inputs).last_hidden_state
        found: Tensor = self.head(hidden).squeeze(-1)
        return found

    def forward(
        self, masked_ids: Tensor, input_ids: Tensor, temperature: float = 1.0, **inputs: Tensor
    ) -> dict[str, Tensor]:
        """The generator's logits, the corrupted text, and the discriminator's logits.

        Args:
            masked_ids: what the generator sees, [B, L]. input_ids: the original. inputs: `attention_mask`, … and
                `chosen` [B, L], where a token is sampled.
        """
        chosen = inputs.pop("chosen")
        types = {name: inputs[name] for name in ("token_type_ids",) if name in inputs}
        generated = self.generate(masked_ids, inputs["attention_mask"], chosen, **types)
        corrupted = corrupt(input_ids, generated, chosen, temperature)
        return {"generated": generated, "corrupted": corrupted, "replaced": self.detect(corrupted, **inputs)}


def corrupt(input_ids: Tensor, logits: Tensor, chosen: Tensor, temperature: float = 1.0) -> Tensor:
    """Sample a token from softmax(logits / temperature) at every chosen place; no gradient passes through.

    Args:
        input_ids, chosen: [B, L]. logits: at the n chosen places, [n, V].
    """
    with torch.no_grad():
        probabilities = (logits.float() / temperature).softmax(dim=-1)
        corrupted = input_ids.clone()
        if len(probabilities):
            corrupted[chosen] = torch.multinomial(probabilities, 1).squeeze(-1).to(corrupted.dtype)
    return corrupted


@OBJECTIVES.add
class ELECTRA(Objective):
    r"""Replaced token detection (Clark et al., ICLR 2020).

    min L_MLM(θ_G) + λ L_Disc(θ_D), λ = 50. 15 % of the tokens are masked; the generator predicts them (L_MLM over the
    masked places) and a token is sampled for each from its softmax, without a gradient. The discriminator says of
    every real token whether it was replaced (L_Disc, binary cross-entropy over all that is not padding); a sampled
    token equal to the original counts as original. Afterwards the generator is thrown away.

    Args:
        encoder: the discriminator's body (`AutoModel`). tokenizer: any. settings: see `ELECTRASettings`.
        generator, head: ready ones (of a hub pair); None makes new ones.

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
                generator or make_generator(encoder, settings.generator_size, seed, settings.shared_embeddings),
                head,
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
        return loss, {
            "generator_correct": (picked.argmax(-1) == wanted).float(),
            "replaced": replaced.float(),
            "verdicts": verdicts.detach(),
            "mlm_loss": mlm.detach().reshape(1),
            "discriminator_loss": discriminator.detach().reshape(1),
        }

    def metrics(self, collected: Mapping[str, Tensor]) -> dict[str, float]:
        """AUC, precision and recall of the discriminator, accuracy of the generator, both losses."""
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
            "generator_accuracy": float(collected["generator_correct"].mean())
            if len(collected["generator_correct"])
            else 0.0,
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


def load_pair(folder: Path) -> tuple[ELECTRAPair, Any]:
    """Generator and discriminator of a finished ELECTRA run, and its tokenizer, in evaluation mode."""
    from transformers import AutoModel, AutoTokenizer, ElectraForMaskedLM

    encoder = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
    generator = ElectraForMaskedLM.from_pretrained(folder / GENERATOR_FOLDER, use_safetensors=True, dtype=torch.float32)
    head = replaced_token_head(encoder.config.hidden_size)
    head.load_state_dict(load_file(folder / HEAD_FILE))
    pair = ELECTRAPair(encoder, generator, head).eval().requires_grad_(False)
    return pair, AutoTokenizer.from_pretrained(folder)
