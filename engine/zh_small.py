"""The small Chinese encoder that is pre-trained here: a character vocabulary from the built-in reviews."""

import os
import shutil
from collections import Counter
from pathlib import Path

from engine.home import cache

LEAST_COUNT = 2


def small_encoder() -> Path:
    """A folder with the tokenizer and random weights (seed 0), made on first use; the same on every machine.

    One token per Chinese character (those that occur at least twice in the training reviews); Latin letters and
    digits by WordPiece of single characters, so that any word can be written.
    """
    folder = cache() / "models" / "zh-small-1"
    if (folder / "config.json").exists():
        return folder
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    from engine.data.builtin import load_builtin

    counts: Counter[str] = Counter()
    for text in load_builtin("reviews-zh").splits["train"]["text"]:
        counts.update(text.lower())
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(code) for code in (*range(ord("a"), ord("z") + 1), *range(ord("0"), ord("9") + 1))]
    characters = sorted(letter for letter, count in counts.items() if count >= LEAST_COUNT and not letter.isspace())
    vocabulary = [*marks, *dict.fromkeys([*letters, *characters]), *(f"##{letter}" for letter in letters)]
    core = Tokenizer(models.WordPiece({token: at for at, token in enumerate(vocabulary)}, unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer()  # Puts every Chinese character by itself.
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=256,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )  # fmt: skip
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024,
        max_position_embeddings=256,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertModel(config)
    scratch = folder.with_suffix(f".{os.getpid()}")
    model.save_pretrained(scratch)
    tokenizer.save_pretrained(scratch)
    shutil.rmtree(folder, ignore_errors=True)
    scratch.replace(folder)
    return folder
