"""MacBERT: a masked language model as correction, with the four masking strategies; SOP as an option."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.tasks import IGNORED
from engine.lexicon.similar import SimilarWords
from engine.objectives import OBJECTIVES
from engine.objectives.base import Objective
from engine.objectives.collator import MaskingCollator
from engine.objectives.masking import Masker, MaskingSettings
from engine.settings import CONFIG


@dataclass(config=CONFIG, kw_only=True, frozen=True)
class MacBERTSettings(MaskingSettings):
    """Settings of MacBERT."""

    sentence_order: bool = False
    """Also predict whether the two halves of the text are in order (SOP, the paper's second objective)."""
    similar: str = ""
    """Similar words: en, zh or the path of a word2vec file. Empty: by the language of the data."""
    from_scratch: bool = False
    """Start from random weights instead of the model's."""


class _WithOrder(nn.Module):
    """A masked language model with a head for sentence order on the first token's last hidden state."""

    def __init__(self, model: Any, seed: int) -> None:
        super().__init__()
        self.model = model
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.order = nn.Linear(model.config.hidden_size, 2)

    def forward(self, **inputs: Tensor) -> tuple[Tensor, Tensor]:
        found = self.model(**inputs, output_hidden_states=True)
        return found.logits, self.order(found.hidden_states[-1][:, 0])


@OBJECTIVES.add
class MacBERT(Objective):
    r"""MLM as correction (Cui et al., Findings of EMNLP 2020, arXiv 2004.13922, section 4).

    15 % of the words are selected, in n-grams of 1 to 4 words (40/30/20/10 %); of these 80 % are replaced by similar
    words, 10 % by random ones, 10 % kept; the loss is the cross-entropy of the original tokens over the selected
    positions. [MASK] is never used, so pre-training sees what fine-tuning sees. With `strategy` original, wwm or
    ngram it is BERT's masked language model under that masking. With `sentence_order` (SOP) the text's two halves
    are swapped in half of the examples and a second head says so; the losses are added.

    Args:
        model: a masked language model (`AutoModelForMaskedLM`).
        tokenizer: any fast one.
        similar: for `mac`.
        seed: of the order's head.

    Shapes: input_ids, word_ids, labels `[B, L]`; logits `[B, L, V]`.
    """

    name = "macbert"
    year = 2020
    title = "MacBERT"
    reference = "Cui et al., arXiv 2004.13922"
    equation = (
        r"\min_\theta\;-\sum_{i\in\mathcal{S}}\log p_\theta\big(w_i\mid \tilde w\big),\qquad"
        r"\tilde w_i=\begin{cases}\text{similar word}&80\,\%\\\text{random word}&10\,\%\\ w_i&10\,\%\end{cases}"
    )
    summary = "Words are replaced by similar ones and the encoder learns to put the right ones back."
    Settings = MacBERTSettings
    main_metric = "correction_accuracy"

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        settings: MacBERTSettings,
        similar: SimilarWords | None = None,
        *,
        seed: int = 0,
    ) -> None:
        self.settings, self.tokenizer, self._language_model = settings, tokenizer, model
        self.module = _WithOrder(model, seed) if settings.sentence_order else model
        self.collator = MaskingCollator(Masker(tokenizer, settings, similar))

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy over the selected positions (and of the order)."""
        inputs, labels = self.masked(batch)
        found = model(**inputs)
        logits = found[0] if self.settings.sentence_order else found.logits
        chosen = labels != IGNORED
        picked, wanted = logits[chosen], labels[chosen]
        # Summed and divided by hand: a batch in which nothing was selected has loss 0, not NaN.
        loss = F.cross_entropy(picked.float(), wanted, reduction="sum") / max(1, len(wanted))
        figures = {
            "correct": (picked.argmax(-1) == wanted).float(),
            "changed": (inputs["input_ids"][chosen] != wanted).float(),
        }
        if self.settings.sentence_order:
            loss = loss + F.cross_entropy(found[1].float(), batch["order"])
            figures["order"] = (found[1].argmax(-1) == batch["order"]).float()
        return loss, {name: value.detach() for name, value in figures.items()}

    def metrics(self, collected: Mapping[str, Tensor]) -> dict[str, float]:
        """Share of selected tokens put right; of those that were really changed; of orders recognised."""
        correct, changed = collected["correct"], collected["changed"] > 0
        found = {
            "correction_accuracy": float(correct.mean()) if len(correct) else 0.0,
            "changed_accuracy": float(correct[changed].mean()) if changed.any() else 0.0,
        }
        if "order" in collected:
            found["order_accuracy"] = float(collected["order"].mean())
        return found

    def save(self, folder: Path) -> None:
        """The masked language model, whole: `AutoModel` takes the encoder from it."""
        self._language_model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def halves(text: str) -> tuple[str, str]:
    """A text cut at the word boundary nearest to its middle (SOP's two segments)."""
    from engine.data.segmentation import word_spans

    spans = word_spans(text)
    if len(spans) < 2:
        return text, text
    middle = min(spans[1:], key=lambda span: abs(span[0] - len(text) / 2))[0]
    return text[:middle].strip(), text[middle:].strip()


def encode_order(tokenizer: Any, text: str, swapped: bool, max_length: int) -> dict[str, Any]:
    """A text's halves as a pair, in order (`order` 0) or swapped (1)."""
    from engine.data.segmentation import encode_words

    first, second = halves(text)
    pair = (second, first) if swapped else (first, second)
    return {**encode_words(tokenizer, *pair, max_length=max_length), "order": int(swapped)}


def set_weights_anew(model: Any, seed: int) -> None:
    """Random weights, as the model's own configuration draws them."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fresh = type(model)(model.config)
    model.load_state_dict(fresh.state_dict())
