"""ELECTRA's replaced-token detection on one text: what the generator fills in, what the discriminator says of it."""

from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.data.segmentation import encode_words
from engine.errors import UserError
from engine.objectives.electra_pair import corrupt
from engine.objectives.masking import Masker, MaskingSettings
from engine.progress import Progress
from engine.settings import CONFIG
from engine.subjects.pair import Pair
from engine.subjects.sentences import Text
from engine.tables import columns

TOP = 5


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class DetectSettings(Text):
    """A text, and how the generator fills it."""

    temperature: float = Field(default=1.0, gt=0, le=10, json_schema_extra={"handy": [0.1, 3.0, 0.1]})
    """Temperature of the generator's softmax; low: its best guess, high: almost any token (paper: 1)."""
    share: float = Field(default=0.15, gt=0, lt=1, json_schema_extra={"handy": [0.05, 0.5, 0.05]})
    """Share of the tokens that is masked (paper: 0.15)."""


@dataclass(frozen=True)
class Detection(Result):
    """Replaced-token detection on one text.

    Attributes:
        tokens: [L], before the generator.
        corrupted: [L], after it.
        masked: [L], which it had to fill.
        options: [L], the generator's most likely tokens with probabilities where it had to fill, else [].
        verdicts: [L], the discriminator's probability that the token was replaced.
        special: [L], whether each is a special token.
    """

    origin: str
    tokens: list[str]
    corrupted: list[str]
    masked: list[bool]
    options: list[list[dict[str, Any]]]
    verdicts: list[float]
    special: list[bool]

    def text(self) -> str:
        """Token by token."""
        rows = [
            (token, other if other != token else "", f"{verdict:.2f}")
            for token, other, verdict in zip(self.tokens, self.corrupted, self.verdicts, strict=True)
        ]
        return f"{self.origin}\n\n{columns(rows, ('token', 'generator put', 'P(replaced)'))}"


@analysis("detect", "Replaced-token detection", DetectSettings, needs="pair")
def detect(pair: Pair, asked: DetectSettings, progress: Progress = None) -> Detection:
    """Mask some tokens, let the generator fill them by sampling, and let the discriminator judge every token.

    Raises:
        UserError: the text has no word that the model can write.
    """
    tokenizer, module = pair.tokenizer, pair.module
    device = pair.device
    encoded = encode_words(tokenizer, asked.text, max_length=256)
    places = torch.tensor([encoded.pop("word_ids")])
    if (places < 0).all():
        raise UserError("The text has no word that the model can write: give words of its language.")
    batch = {name: torch.tensor([values], device=device) for name, values in encoded.items()}
    ids = batch.pop("input_ids")
    settings = MaskingSettings(
        strategy="original", mask_share=asked.share, replace_share=1.0, random_share=0.0, mask_punctuation=True
    )
    masked = Masker(tokenizer, settings).mask(ids.cpu(), places, seed=asked.seed, at_least_one=True)
    chosen = (masked.labels >= 0).to(device)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(asked.seed)
        types = batch.get("token_type_ids")
        logits = module.proposals(module.generate(masked.input_ids.to(device), batch["attention_mask"], chosen, types))
        corrupted = corrupt(ids, logits, chosen, asked.temperature)
        best, at = (logits / asked.temperature).softmax(dim=-1).topk(TOP, dim=-1)
    names = tokenizer.convert_ids_to_tokens
    filled = iter(zip(at.tolist(), best.tolist(), strict=True))
    options = [
        [{"token": name, "probability": p} for name, p in zip(names(row), chances, strict=True)]
        for row, chances in (next(filled) if fill else ([], []) for fill in chosen[0].tolist())
    ]
    special = set(tokenizer.all_special_ids)
    return Detection(
        origin=pair.origin,
        tokens=names(ids[0].tolist()),
        corrupted=names(corrupted[0].tolist()),
        masked=chosen[0].tolist(),
        options=options,
        verdicts=pair.judged(corrupted, batch),
        special=[token in special for token in ids[0].tolist()],
    )
