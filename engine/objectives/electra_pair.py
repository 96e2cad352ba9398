"""ELECTRA's two models: the generator, which shares embeddings with the discriminator, and the discriminator with its head."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.data.segmentation import ordinary_tokens
from engine.errors import UserError

HEAD_FILE = "replaced_token_head.safetensors"
GENERATOR_FOLDER = "generator"
SHARED = {
    "all": ("word_embeddings", "position_embeddings", "token_type_embeddings", "LayerNorm"),
    "words": ("word_embeddings",),
    "none": (),
}


def replaced_token_head(width: int) -> nn.Sequential:
    """The discriminator's head over every token: [B, L, D] → [B, L, 1] (paper: one hidden layer, GELU)."""
    return nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1))


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


def make_generator(encoder: Any, size: float, seed: int = 0, share: str = "all", from_encoder: bool = False) -> Any:
    """A generator of `size` times the encoder's width with its depth.

    Args:
        share: see `share_embeddings`.
        from_encoder: its layers start as copies of the encoder's, not from random weights drawn from `seed`.

    Raises:
        UserError: `from_encoder`, and the encoder's layers are not of the generator's shape.
    """
    from transformers import ElectraConfig, ElectraForMaskedLM

    config, words = encoder.config, encoder.get_input_embeddings()
    heads = max(1, round(getattr(config, "num_attention_heads", 4) * size))
    width = max(1, round(config.hidden_size * size / heads)) * heads
    alike = ("intermediate_size", "hidden_act", "layer_norm_eps") if from_encoder else ()
    of_layers = {"intermediate_size": 4 * width} | {
        name: getattr(config, name) for name in alike if hasattr(config, name)
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = ElectraForMaskedLM(
            ElectraConfig(
                vocab_size=words.weight.shape[0],
                embedding_size=words.weight.shape[1],
                hidden_size=width,
                num_attention_heads=heads,
                num_hidden_layers=config.num_hidden_layers,
                **of_layers,
                max_position_embeddings=config.max_position_embeddings,
                type_vocab_size=getattr(config, "type_vocab_size", 0) or 2,
                pad_token_id=config.pad_token_id or 0,
            )
        )
    share_embeddings(encoder, generator, share)
    if from_encoder:
        try:
            generator.electra.encoder.load_state_dict(encoder.encoder.state_dict())
        except (AttributeError, RuntimeError):  # No such part, or other names or shapes in it.
            raise UserError(
                "generator_start=model needs generator_size=1 and a model that is built as BERT is: this one's layers are not"
                " the generator's."
            ) from None
    return generator


def corrupt(input_ids: Tensor, logits: Tensor, chosen: Tensor, temperature: float = 1.0) -> Tensor:
    """Sample a token from softmax(logits / temperature) at every chosen place; no gradient passes through.

    Args:
        input_ids: `[B, L]`.
        chosen: `[B, L]`, where a token is sampled.
        logits: at the n chosen places, `[n, V]`.
    """
    with torch.no_grad():
        probabilities = (logits.float() / temperature).softmax(dim=-1)
        corrupted = input_ids.clone()
        if len(probabilities):
            corrupted[chosen] = torch.multinomial(probabilities, 1).squeeze(-1).to(corrupted.dtype)
    return corrupted


class ELECTRAPair(nn.Module):
    """Generator and discriminator as one module."""

    def __init__(
        self, encoder: Any, generator: Any, head: nn.Module | None = None, sampled: Sequence[int] | None = None
    ) -> None:
        """`sampled`: the tokens that the generator may propose (a special or an unused one would give itself away); None: all."""
        super().__init__()
        self.encoder, self.generator = encoder, generator
        self.head = head or replaced_token_head(encoder.config.hidden_size)
        never = torch.full((generator.config.vocab_size,), sampled is not None)
        never[list(sampled or ())] = False
        self.never = never  # No buffer: it is no state, and processes need not exchange it.

    def proposals(self, logits: Tensor) -> Tensor:
        """The generator's logits with those left out that are never sampled, [n, V]."""
        return logits.masked_fill(self.never.to(logits.device), float("-inf"))

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
            masked_ids: what the generator sees, [B, L].
            input_ids: the original.
            inputs: `attention_mask`, … and `chosen` [B, L], where a token is sampled.
        """
        chosen = inputs.pop("chosen")
        types = {name: inputs[name] for name in ("token_type_ids",) if name in inputs}
        generated = self.generate(masked_ids, inputs["attention_mask"], chosen, **types)
        corrupted = corrupt(input_ids, self.proposals(generated), chosen, temperature)
        return {"generated": generated, "corrupted": corrupted, "replaced": self.detect(corrupted, **inputs)}


def load_pair(folder: Path) -> tuple[ELECTRAPair, Any]:
    """Generator and discriminator of a finished ELECTRA run, and its tokenizer, in evaluation mode."""
    from transformers import AutoModel, AutoTokenizer, ElectraForMaskedLM

    encoder = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
    generator = ElectraForMaskedLM.from_pretrained(folder / GENERATOR_FOLDER, use_safetensors=True, dtype=torch.float32)
    head = replaced_token_head(encoder.config.hidden_size)
    head.load_state_dict(load_file(folder / HEAD_FILE))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pair = ELECTRAPair(encoder, generator, head, ordinary_tokens(tokenizer)).eval().requires_grad_(False)
    return pair, tokenizer
