"""ELECTRA's replaced-token detection on one text: what the generator put, what the discriminator says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from engine.analysis.subjects import RUN
from engine.digests import digest_of
from engine.errors import UserError
from engine.models import best_device
from engine.objectives.masking import Masker, MaskingSettings
from engine.objectives.segmentation import encode_words

Progress = Callable[[int, int], None] | None
READY_STEPS = 100
READY_DATASET = "movie-sentiment"
TOP = 5


@dataclass
class Pair:
    """A generator and a discriminator that can be looked at. `origin`: for people, where they are from; `reference`:
    how to get them again.
    """

    module: Any
    tokenizer: Any
    origin: str
    fingerprint: str
    reference: str = ""


@dataclass(frozen=True)
class Detection:
    """Replaced-token detection on one text.

    Attributes:
        tokens, corrupted: [L], before and after the generator. masked: [L], which it had to fill.
        options: [L], the generator's most likely tokens with probabilities where it had to fill, else [].
        verdicts: [L], the discriminator's probability that the token was replaced. special: [L].
    """

    tokens: list[str]
    corrupted: list[str]
    masked: list[bool]
    options: list[list[dict[str, Any]]]
    verdicts: list[float]
    special: list[bool]


def load_electra(run: str | None = None, progress: Progress = None) -> Pair:
    """The pair of a finished ELECTRA run, or the ready-made one (pre-trained briefly once, then kept).

    Raises:
        UserError: no such run, or not a finished ELECTRA run.
    """
    from engine.objectives.electra import HEAD_FILE, load_pair
    from engine.runs.config import TrainConfig
    from engine.runs.ready import ready
    from engine.runs.store import Store

    if run is not None:
        record = Store().find(run)
        if record.config["method"] != "electra" or not (record.model_folder / HEAD_FILE).exists():
            raise UserError(f"{record.id} is no finished ELECTRA run ({record.config['method']}, {record.status}).")
        folder, origin = record.model_folder, f"run {record.id} (validation AUC {record.metrics.get('auc', 0.5):.3f})"
    else:
        config = TrainConfig.build(
            {
                "method": "electra",
                "dataset": READY_DATASET,
                "max_steps": READY_STEPS,
                "evaluations": 1,
                "learning_rate": 3e-4,
            }
        )
        folder, facts = ready(f"electra-2-minilm-{READY_DATASET}-{READY_STEPS}", config, "auc", progress)
        origin = f"minilm and a generator of 1/4 its width, {facts['steps']} steps on {facts['dataset']}"
        origin += f" (validation AUC {facts['auc']:.3f})"
    module, tokenizer = load_pair(folder)
    weights = digest_of(sorted(folder.rglob("*.safetensors")))[:16]
    return Pair(module.to(best_device()), tokenizer, origin, weights, f"{RUN}{run}" if run else "")


def detect(pair: Pair, text: str, *, seed: int = 0, temperature: float = 1.0, share: float = 0.15) -> Detection:
    """Mask some tokens, let the generator fill them by sampling, and let the discriminator judge every token.

    Raises:
        UserError: the text is empty or has no word.
    """
    from engine.objectives.electra import corrupt

    if not text.strip():
        raise UserError("The text is empty: give at least one word.")
    tokenizer, module = pair.tokenizer, pair.module
    device = next(module.parameters()).device
    encoded = encode_words(tokenizer, text, max_length=256)
    places = torch.tensor([encoded.pop("word_ids")])
    if (places < 0).all():
        raise UserError("The text has no word that the model can write: give words of its language.")
    batch = {name: torch.tensor([values], device=device) for name, values in encoded.items()}
    ids = batch.pop("input_ids")
    settings = MaskingSettings(
        strategy="original", mask_share=share, replace_share=1.0, random_share=0.0, mask_punctuation=True
    )
    masked = Masker(tokenizer, settings).mask(ids.cpu(), places, seed=seed, at_least_one=True)
    chosen = (masked.labels >= 0).to(device)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        types = batch.get("token_type_ids")
        logits = module.generate(masked.input_ids.to(device), batch["attention_mask"], chosen, types)
        corrupted = corrupt(ids, logits, chosen, temperature)
        best, at = (logits / temperature).softmax(dim=-1).topk(TOP, dim=-1)
    names = tokenizer.convert_ids_to_tokens
    filled = iter(zip(at.tolist(), best.tolist(), strict=True))
    options = [
        [{"token": name, "probability": p} for name, p in zip(names(row), chances, strict=True)]
        for row, chances in (next(filled) if fill else ([], []) for fill in chosen[0].tolist())
    ]
    special = set(tokenizer.all_special_ids)
    return Detection(
        tokens=names(ids[0].tolist()),
        corrupted=names(corrupted[0].tolist()),
        masked=chosen[0].tolist(),
        options=options,
        verdicts=judge(pair, corrupted, batch),
        special=[token in special for token in ids[0].tolist()],
    )


def judge(pair: Pair, ids: torch.Tensor, batch: dict[str, torch.Tensor]) -> list[float]:
    """The discriminator's probability that each token of one text was replaced, [L]."""
    with torch.no_grad():
        verdicts: list[float] = pair.module.detect(ids, **batch).sigmoid()[0].tolist()
    return verdicts


def judge_text(pair: Pair, text: str) -> tuple[list[str], list[float]]:
    """The discriminator on a text as it stands: tokens and P(replaced), [L] each (the "fool it" game)."""
    if not text.strip():
        raise UserError("The text is empty: give at least one word.")
    device = next(pair.module.parameters()).device
    batch = dict(pair.tokenizer(text, return_tensors="pt", truncation=True, max_length=256).to(device))
    ids = batch.pop("input_ids")
    return pair.tokenizer.convert_ids_to_tokens(ids[0].tolist()), judge(pair, ids, batch)
