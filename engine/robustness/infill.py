"""What a masked language model would put in the place of each word of a text."""

from dataclasses import dataclass
from typing import Any

import torch

from engine.data.segmentation import begins_word, piece_text, word_spans
from engine.lexicon.candidates import cased_like, keeps_meaning
from engine.lexicon.contrast import Contrast, contrast_of
from engine.lexicon.similar import inflected, similar_words
from engine.models import best_device
from engine.objectives.start import load_masked_lm
from engine.progress import Progress
from engine.robustness.text import BATCH, State
from engine.runs.store import Store
from engine.subjects.pair import load_electra

LOOKED_AT = 8  # Times as many of the likeliest tokens as words are wanted: many are no words.


@dataclass(frozen=True)
class Infill:
    """The likeliest `count` words at a place that is masked, the word itself and its forms left out.

    One mask stands for the word, so that words of one token are found alone. `keep_meaning`: those alone that keep the
    meaning, as far as `keeps_meaning` knows with this `contrast`.
    """

    model: Any
    tokenizer: Any
    count: int
    keep_meaning: bool = True
    contrast: Contrast | None = None

    def __call__(self, state: State) -> dict[int, list[str]]:
        """What may stand at every place."""
        mask, found = self.tokenizer.mask_token, {}
        places = list(range(len(state.words)))
        for start in range(0, len(places), BATCH):
            part = places[start : start + BATCH]
            texts = [state.text({place: mask}) for place in part]
            batch = self.tokenizer(texts, return_tensors="pt", padding=True, truncation=True).to(self.model.device)
            with torch.inference_mode():
                logits = self.model(**batch).logits
            for row, place in enumerate(part):
                at = (batch["input_ids"][row] == self.tokenizer.mask_token_id).nonzero()
                if len(at):  # Else the text was cut before it.
                    found[place] = self._words(logits[row, at[0, 0]], state.words[place])
        return found

    def _words(self, logits: torch.Tensor, word: str) -> list[str]:
        near = logits.topk(min(LOOKED_AT * self.count, logits.shape[-1])).indices.tolist()
        found: list[str] = []
        for token in self.tokenizer.convert_ids_to_tokens(near):
            text = piece_text([token])
            if not begins_word(self.tokenizer, token) or not text.isalpha() or len(word_spans(text)) != 1:
                continue  # No word.
            if inflected(word.lower(), text.lower()):
                continue
            if text.lower() != word.lower() and (not self.keep_meaning or keeps_meaning(word, text, self.contrast)):
                found.append(cased_like(text, word))
        return list(dict.fromkeys(found))[: self.count]


def load_infill(reference: str, count: int, keep_meaning: bool, progress: Progress = None) -> Infill:
    """By an ELECTRA or MacBERT run's id or name, or a masked language model's name or folder; "": the ready-made generator.

    Raises:
        UserError: it cannot be loaded.
    """
    contrast = contrast_of(similar_words("en")) if keep_meaning else None
    identifier = Store().called(reference) if reference else None
    run = Store().get(identifier) if identifier else None
    if not reference or (run and run.config["method"] == "electra"):
        pair = load_electra(run.id if run else None, progress)
        return Infill(pair.module.generator, pair.tokenizer, count, keep_meaning, contrast)
    model, tokenizer, _ = load_masked_lm(str(run.model_folder) if run else reference)
    return Infill(model.eval().to(best_device()), tokenizer, count, keep_meaning, contrast)
