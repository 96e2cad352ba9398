"""Tiny randomly initialised models of every architecture, and data to go with them."""

import random

import torch
from transformers import (
    AlbertConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BartConfig,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    FunnelConfig,
    GPT2Config,
    LlamaConfig,
    ModernBertConfig,
    MPNetConfig,
    Qwen2Config,
    RobertaConfig,
    T5Config,
    XLMRobertaConfig,
    XLNetConfig,
)

SMALL = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
CONFIGS = {
    "bert": lambda: BertConfig(**SMALL, max_position_embeddings=40),
    "roberta": lambda: RobertaConfig(**SMALL, max_position_embeddings=40, pad_token_id=1),
    "distilbert": lambda: DistilBertConfig(
        vocab_size=60, dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=40
    ),
    "albert": lambda: AlbertConfig(**SMALL, embedding_size=8, max_position_embeddings=40),
    "electra": lambda: ElectraConfig(**SMALL, embedding_size=8, max_position_embeddings=40),
    "mpnet": lambda: MPNetConfig(**SMALL, max_position_embeddings=40, pad_token_id=1),
    "deberta-v2": lambda: DebertaV2Config(
        **SMALL, max_position_embeddings=40, relative_attention=True, pos_att_type=["p2c", "c2p"], position_buckets=8
    ),
    "xlm-roberta": lambda: XLMRobertaConfig(**SMALL, max_position_embeddings=40, pad_token_id=1),
    "modernbert": lambda: ModernBertConfig(
        **SMALL, max_position_embeddings=40, pad_token_id=0, cls_token_id=2, sep_token_id=3, bos_token_id=2,
        eos_token_id=3, reference_compile=False, attn_implementation="eager",
    ),
    "xlnet": lambda: XLNetConfig(vocab_size=60, d_model=16, n_layer=2, n_head=2, d_inner=24),
    "funnel": lambda: FunnelConfig(
        vocab_size=60, d_model=16, n_head=2, d_head=8, d_inner=24, block_sizes=[1, 1], num_decoder_layers=1
    ),
    "gpt2": lambda: GPT2Config(vocab_size=60, n_embd=16, n_layer=2, n_head=2, n_positions=40, pad_token_id=0),
    "llama": lambda: LlamaConfig(**SMALL, pad_token_id=0),
    "qwen2": lambda: Qwen2Config(**SMALL, num_key_value_heads=2, pad_token_id=0),
    "bart": lambda: BartConfig(
        vocab_size=60, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, pad_token_id=1,
        decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24, max_position_embeddings=40, eos_token_id=2,
        scale_embedding=True,
    ),
    "t5": lambda: T5Config(
        vocab_size=60, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2, pad_token_id=0, eos_token_id=2,
        decoder_start_token_id=0,
    ),
}  # fmt: skip
ENDED = ("bart", "t5")  # They read the sentence off the token that ends it, which every example must have.
LENGTHS = (7, 3, 5, 7)


def model(architecture="bert", num_labels=2, dropout=0.0, seed=0, dtype=torch.float64, tags=False):
    """A tiny model with random weights large enough for gradients to differ between tokens; `tags`: of every token."""
    config = CONFIGS[architecture]()
    config.num_labels = num_labels
    config.problem_type = "regression" if num_labels == 1 else "single_label_classification"
    for name in vars(config):
        if ("dropout" in name or name.endswith("_pdrop")) and isinstance(getattr(config, name), float):
            setattr(config, name, dropout)
    config.classifier_dropout = dropout
    config.seq_classif_dropout = dropout
    config.initializer_range = 0.2
    torch.manual_seed(seed)
    family = AutoModelForTokenClassification if tags else AutoModelForSequenceClassification
    return family.from_config(config).to(dtype).train()


def batch(num_labels=2, lengths=LENGTHS, pad=0, pad_to=None, seed=1, vocabulary=60, ended=False):
    """Random ids (5 and up), padded on the right. `ended`: the last one of each is 2, which ends a sentence."""
    generator = torch.Generator().manual_seed(seed)
    width = pad_to or max(lengths)
    ids = torch.full((len(lengths), width), pad)
    mask = torch.zeros(len(lengths), width, dtype=torch.long)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(5, vocabulary, (length,), generator=generator)
        mask[row, :length] = 1
        if ended:
            ids[row, length - 1] = 2
    if num_labels == 1:
        labels = torch.randn(len(lengths), generator=generator, dtype=torch.float64)
    else:
        labels = torch.randint(0, num_labels, (len(lengths),), generator=generator)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


class Tokenizer:
    """Of the batches above: every id is a word of its own, 4 hides one."""

    all_special_ids, mask_token_id = (2, 3), 4

    def get_vocab(self):
        return {f"w{at}": at for at in range(60)}

    def convert_ids_to_tokens(self, ids):
        return [f"w{at}" for at in ids]


TOKENIZER = Tokenizer()


def started(method, model, batch, seed=4):
    """The state that a step with this seed begins with."""
    torch.manual_seed(seed)
    return method.start(method.embed(model, batch))


def tags(batch, num_labels=3, seed=2):
    """The batch with a label for every second token, as for words of two pieces: -100 elsewhere."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, num_labels, batch["input_ids"].shape, generator=generator)
    labels[batch["attention_mask"] == 0] = -100
    labels[:, ::2] = -100
    return {**batch, "labels": labels}


def left(batch):
    """The same examples, padded on the left."""
    order = [torch.argsort(row, stable=True) for row in batch["attention_mask"]]
    return {
        name: torch.stack([each[row][at] for row, at in enumerate(order)]) if each.ndim == 2 else each
        for name, each in batch.items()
    }


def gradients(model):
    """Copies of all parameter gradients by name (zero where there is none)."""
    return {
        name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.detach().clone()
        for name, parameter in model.named_parameters()
    }


def assert_same(first, second, atol=1e-9):
    """All tensors of two dicts agree, and at least one is not zero."""
    assert first.keys() == second.keys()
    assert any(tensor.abs().max() > 1e-6 for tensor in first.values())
    for name in first:
        torch.testing.assert_close(first[name], second[name], atol=atol, rtol=1e-6, msg=lambda m, n=name: f"{n}: {m}")


def plain_loss(model, embeddings, batch):
    """The task's mean loss and the logits, written out: what the tests' own loops use."""
    logits = model(inputs_embeds=embeddings, attention_mask=batch["attention_mask"]).logits
    if logits.shape[-1] == 1:
        return ((logits[:, 0] - batch["labels"]) ** 2).mean(), logits
    return -logits.log_softmax(-1).gather(1, batch["labels"][:, None]).mean(), logits


GOOD = ["good", "great", "lovely", "wonderful", "superb", "brilliant"]
BAD = ["bad", "awful", "dull", "terrible", "boring", "horrible"]
FILLER = ["the", "film", "was", "a", "story", "with", "people", "and", "music", "in", "town", "on", "monday", "very"]
FILLER += ["quite", "really", "truly"]


def sentences(count, seed=0):
    """A TSV of sentences with labels, learnable from one word."""
    chance = random.Random(seed)
    lines = ["sentence\tlabel"]
    for place in range(count):
        words = [*chance.sample(FILLER, 6), chance.choice(GOOD if place % 2 else BAD), str(place)]
        chance.shuffle(words)
        lines.append(f"{' '.join(words)}\t{place % 2}")
    return "\n".join(lines) + "\n"


def tagged(count, seed=0):
    """Sentences in CoNLL's layout in which good words are one kind of entity and bad words another, of one or two words."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        rows = [(word, "O") for word in chance.sample(FILLER, 5)]
        kind, words = chance.choice([("GOOD", GOOD), ("BAD", BAD)])
        entity = [chance.choice(words[:3]), chance.choice(words[3:])][: chance.choice([1, 2])]
        at = chance.randrange(len(rows) + 1)
        rows[at:at] = [(word, f"{'I' if place else 'B'}-{kind}") for place, word in enumerate(entity)]
        made.append("\n".join(f"{word} {tag}" for word, tag in [*rows, (str(chance.randrange(10_000)), "O")]))
    return "\n\n".join(made) + "\n"


def save_encoder(folder):
    """Save a small BERT encoder without a head, with a WordPiece tokenizer over the words above."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *GOOD,
        *BAD,
        *FILLER,
        *"0123456789",
        *(f"##{d}" for d in range(10)),
    ]
    vocabulary = {word: place for place, word in enumerate(words)}
    core = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer()
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=64,
    )  # fmt: skip
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def byte_level(texts):
    """A tokenizer as RoBERTa's, learnt from a few texts: Ġ marks where a word begins."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    made = ByteLevelBPETokenizer()
    made.train_from_iterator(texts * 20, 400, 2, special_tokens=["<pad>", "<unk>", "<mask>"])
    return PreTrainedTokenizerFast(
        tokenizer_object=made._tokenizer, pad_token="<pad>", unk_token="<unk>", mask_token="<mask>"
    )
