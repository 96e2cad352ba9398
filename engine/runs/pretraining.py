"""From a configuration to the trainer of a pre-training run."""

from pathlib import Path
from typing import Any

from transformers import PrinterCallback

from engine.data import encoding
from engine.data.encoding import LENGTH, by_length
from engine.data.sources import load_texts
from engine.errors import UserError
from engine.runs.arguments import training_arguments
from engine.runs.config import TrainConfig

EVALUATED_TEXTS = 512
METRICS = {
    "electra": ("auc", "precision", "recall", "generator_accuracy", "generator_top5", "mlm_loss", "discriminator_loss"),
    "macbert": ("correction_accuracy", "changed_accuracy", "order_accuracy"),
}


def objective_of(config: TrainConfig, texts: list[str]) -> tuple[Any, Any, int]:
    """The objective of a pre-training run, its tokenizer, and the tokens it reads."""
    from engine.data.segmentation import language_of
    from engine.lexicon.similar import similar_words
    from engine.objectives import electra, macbert
    from engine.objectives.start import load_discriminator, load_masked_lm

    if config.method == "electra":
        settings = electra.ELECTRASettings.parse(config.method_settings)
        if settings.strategy == "mac":
            raise UserError(
                "strategy: ELECTRA's generator fills masks; allowed are original, wwm and ngram, but it is mac."
            )
        encoder, generator, head, tokenizer, length = load_discriminator(
            config.model, settings.from_scratch, config.seed
        )
        made: Any = electra.ELECTRA(encoder, tokenizer, settings, generator=generator, head=head, seed=config.seed)
        return made, tokenizer, length
    of_macbert = macbert.MacBERTSettings.parse(config.method_settings)
    model, tokenizer, length = load_masked_lm(config.model, of_macbert.from_scratch, config.seed)
    similar = None
    if of_macbert.strategy == "mac":
        similar = similar_words(of_macbert.similar or language_of(" ".join(texts[:200])))
    return macbert.MacBERT(model, tokenizer, of_macbert, similar, seed=config.seed), tokenizer, length


def build_pretrainer(config: TrainConfig, folder: Path) -> Any:
    """The trainer of a pre-training run.

    Raises:
        UserError: no text, a tokenizer that cannot write it, settings that do not fit.
    """
    import datasets

    from engine.data.segmentation import encode_words
    from engine.objectives.macbert import encode_order
    from engine.objectives.trainer import ObjectiveTrainer

    datasets.disable_progress_bars()
    texts = load_texts(config.dataset)
    objective, tokenizer, most = objective_of(config, texts["train"])
    length = min(config.max_length, most)
    order = bool(getattr(objective.settings, "sentence_order", False))

    def encoded(part: list[str]) -> datasets.Dataset:
        def tokenise(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
            made = [
                encode_order(tokenizer, text, place % 2 == 1, length)
                if order
                else encode_words(tokenizer, text, None, length)
                for text, place in zip(rows["text"], rows["place"], strict=True)
            ]
            columns = {name: [each[name] for each in made] for name in made[0]}
            return {**columns, LENGTH: [len(each["input_ids"]) for each in made]}

        plain = datasets.Dataset.from_dict({"text": part, "place": list(range(len(part)))})
        if len(part) > encoding.LARGE:  # When it is read, as `encoding.encode` does.
            return plain.add_column(LENGTH, [len(text) for text in part]).with_transform(tokenise)
        return plain.map(tokenise, batched=True, remove_columns=plain.column_names)

    train = encoded(texts["train"])
    unknown = tokenizer.unk_token_id
    sample = [token for ids in train[:200]["input_ids"] for token in ids]
    share = sum(token == unknown for token in sample) / max(1, len(sample))
    if share > 0.3:
        raise UserError(
            f"The tokenizer of {config.model} cannot write {share:.0%} of this text: choose a model of the text's language"
            " (zh-small for Chinese)."
        )
    trainer = ObjectiveTrainer(
        objective,
        training_arguments(config, folder, -(-len(train) // config.batch_size)),
        train_dataset=train,
        eval_dataset=by_length(encoded(texts["validation"][:EVALUATED_TEXTS])),
        processing_class=tokenizer,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer
