"""What a model is made of, found from the model itself: its look-up of words, its blocks, and what passes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import UserError


@dataclass(frozen=True)
class Passed:
    """What passed a module once. `call`: which of its calls it was. `width`: D. `tokens_first`: whether it is `[L, B, D]`
    rather than `[B, L, D]`; None: it is neither.
    """

    module: nn.Module
    call: int
    width: int
    tokens_first: bool | None


def word_embeddings(module: Any) -> Any:
    """The look-up of a model's word embeddings; of an encoder and a decoder, the encoder's.

    Raises:
        UserError: it has none that token ids are looked up in.
    """
    kind = getattr(module.config, "model_type", type(module).__name__)
    encoder = module.get_encoder() if hasattr(module, "get_encoder") else module
    for owner in (encoder, module):  # T5's encoder has a look-up of its own, which is what reads the sentence.
        try:
            found = owner.get_input_embeddings()
        except (NotImplementedError, AttributeError):
            continue
        weight = getattr(found, "weight", None)  # ZeRO-3 leaves an empty one, with its shape.
        if isinstance(found, nn.Module) and weight is not None and len(getattr(weight, "ds_shape", weight.shape)) == 2:
            return found
    raise UserError(f"{kind} models have no table of word embeddings, so these cannot be perturbed.")


def vocabulary(module: Any) -> Tensor:
    """What the look-up gives for every token of the vocabulary, `[V, D]`, without gradients (BART scales its table)."""
    look_up = word_embeddings(module)
    with torch.no_grad():
        found: Tensor = look_up(torch.arange(look_up.weight.shape[0], device=look_up.weight.device))
    return found


def table_of(module: Any) -> Tensor:
    """The weights of the look-up, `[V, D]`, whole where FSDP has spread them: all processes must ask for them together.

    Raises:
        UserError: ZeRO-3 has spread them.
    """
    weight = word_embeddings(module).weight
    if hasattr(weight, "ds_id"):
        raise UserError(
            "This method looks at the table of word embeddings as a whole, which ZeRO-3 spreads over processes."
        )
    found: Tensor = (weight.full_tensor() if hasattr(weight, "full_tensor") else weight).detach()
    return found


def looked_up(module: Any, inputs: Mapping[str, Tensor]) -> Passed:
    """What the look-up of word embeddings gives.

    Args:
        module: the bare model.
        inputs: `input_ids` `[B, L]`, `attention_mask` and what else the model takes.

    Raises:
        UserError: there is no look-up that gives one vector per token.
    """
    passed = passes(module, inputs, [word_embeddings(module)], after=True)
    if not passed or passed[0].tokens_first is None:
        raise UserError(
            f"{module.config.model_type} models do not look their tokens up one by one, so these cannot be perturbed."
        )
    return passed[0]


def blocks(module: Any, inputs: Mapping[str, Tensor]) -> list[Passed]:
    """What goes into a model's blocks, in the order in which they are called; empty if it has no row of blocks that keep
    one vector per token.

    Blocks are the members of the outermost list whose members are called as often as the config counts layers: one member
    may be called several times (ALBERT).
    """
    count = getattr(module.config, "num_hidden_layers", 0)
    inside = module.get_encoder() if getattr(module.config, "is_encoder_decoder", False) else module
    lists = [each for each in inside.modules() if isinstance(each, nn.ModuleList) and 0 < len(each) <= count]
    members = list(dict.fromkeys(member for each in lists for member in each))
    passed = passes(module, inputs, members, after=False)
    for each in lists:
        own = [one for one in passed if any(one.module is member for member in each)]
        if len(own) == count and all(one.tokens_first is not None for one in own):
            return own
    return []


def passes(module: nn.Module, inputs: Mapping[str, Tensor], watched: list[nn.Module], *, after: bool) -> list[Passed]:
    """What passes the watched modules (their outputs, or their inputs) in one forward pass over the first row, in order.

    The pass is made in evaluation mode; the model's modes and the random state stay as they are.
    """
    length = inputs["input_ids"].shape[1]
    rows = 2 if length != 2 else 3  # Another number than that of tokens, so that the two can be told apart.
    batch = {
        name: each[:1].expand(rows, *each.shape[1:])
        for name, each in inputs.items()
        if isinstance(each, Tensor) and each.ndim and len(each) == len(inputs["input_ids"])
    }
    found: list[Passed] = []

    def note(each: nn.Module, given: Any, options: dict[str, Any], output: Any = None) -> None:
        hidden = output if after else given[0] if given else options.get("hidden_states")
        if isinstance(hidden, Tensor):
            layouts = {(rows, length): False, (length, rows): True}
            layout = layouts.get((hidden.shape[0], hidden.shape[1])) if hidden.ndim == 3 else None
            found.append(Passed(each, sum(one.module is each for one in found), hidden.shape[-1], layout))

    handles = [
        each.register_forward_hook(note, with_kwargs=True)
        if after
        else each.register_forward_pre_hook(note, with_kwargs=True)
        for each in watched
    ]
    modes = [(each, each.training) for each in module.modules()]
    module.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            module(**batch)
    finally:
        for handle in handles:
            handle.remove()
        for each, training in modes:
            each.training = training
    return found


def gives_tags(model: Any) -> bool:
    """Whether a model says something of every token: transformers names such classes `…ForTokenClassification`."""
    plain = model.get_base_model() if hasattr(model, "peft_config") else model
    return type(plain).__name__.endswith("ForTokenClassification")
