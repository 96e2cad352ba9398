"""The loss over a plane through one example's embedding, with the methods' ascent paths in it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.analysis.ascent import at_radius, climb, from_own_table
from engine.analysis.classifier import Classifier
from engine.analysis.examples import Progress, margins
from engine.analysis.trace import encode_text, resolve_label
from engine.errors import UserError
from engine.methods.losses import task_losses
from engine.methods.passes import EmbeddedBatch
from engine.perturbation import example_noise, unit_example

PATHS = ("pgd", "freelb", "smart", "textat")
ASCENT_STEPS = 5


@dataclass(frozen=True)
class Landscape:
    """Loss and margin over X + a·u + b·v.

    Attributes:
        axis: [N], the values of a and of b (embedding units). loss, margin: [N][N], rows are b, columns a; for
            regression the margin is the score. paths: per method, one row per point with `a`, `b` (its projection
            into the plane), `off` (its distance from the plane), `loss` (its own, not the surface's) and `norm`.
        epsilon: ε; the ball cuts the plane in a circle of that radius. tokens: the example's.
    """

    axis: list[float]
    loss: list[list[float]]
    margin: list[list[float]]
    paths: dict[str, list[dict[str, float]]]
    epsilon: float
    tokens: list[str]
    label: int | float
    horizontal: str
    vertical: str
    truncated: bool


def _towards_word(classifier: Classifier, batch: EmbeddedBatch, place: int, word: str) -> Tensor:
    ids = classifier.tokenizer(word, add_special_tokens=False)["input_ids"]
    if len(ids) != 1 or ids[0] == classifier.tokenizer.unk_token_id:
        raise UserError(f"{word[:40]!r} must be one token of the model's vocabulary, but it is not.")
    if not 0 <= place < batch.embeddings.shape[1]:
        raise UserError(f"The token to replace must be 0 to {batch.embeddings.shape[1] - 1}, but it is {place}.")
    target = classifier.model.get_input_embeddings().weight[ids[0]].detach()
    direction = torch.zeros_like(batch.embeddings)
    direction[0, place] = target - batch.embeddings[0, place]
    return direction


def landscape(
    classifier: Classifier,
    text: str,
    text_pair: str | None = None,
    label: str | int | float | None = None,
    *,
    epsilon: float = 0.5,
    towards: tuple[int, str] | None = None,
    points: int = 41,
    extent: float = 1.5,
    paths: Sequence[str] = PATHS,
    steps: int = ASCENT_STEPS,
    seed: int = 0,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> Landscape:
    """The plane spanned by the adversarial direction u and a second one v, orthogonal to it.

    u is where PGD stands after `steps` steps at ε. v is random, or leads to a word: `towards=(place, word)` moves the
    token at `place` towards the word's embedding (made orthogonal to u).

    Args:
        epsilon: ε (Frobenius, embedding units). points: N, odd, so that the middle is X itself.
        extent: the plane reaches from -extent·ε to extent·ε. paths: methods whose ascent is drawn, at this ε.

    Raises:
        UserError: empty text, a label out of range, a word that is not one token.
    """
    if epsilon <= 0 or extent <= 0:
        raise UserError(f"epsilon and extent must be above 0, but they are {epsilon} and {extent}.")
    if points % 2 == 0 or not 3 <= points <= 201:
        raise UserError(f"The number of points must be odd, from 3 to 201, but it is {points}.")
    batch, truncated = encode_text(classifier, text, text_pair)
    labels, _ = resolve_label(classifier, label, batch)
    batch["labels"] = labels
    model = classifier.model
    special = classifier.tokenizer.all_special_ids
    methods = {name: at_radius(name, epsilon, steps, special_token_ids=special) for name in paths}
    followed = {
        name: climb(from_own_table(classifier, each), model, batch, steps=steps, seed=seed)
        for name, each in methods.items()
    }
    best = followed.get("pgd") or climb(at_radius("pgd", epsilon, steps), model, batch, steps=steps, seed=seed)
    u = unit_example(best[-1].delta)
    embedded = EmbeddedBatch(model, batch)
    if towards is None:
        second = example_noise(embedded.mask, embedded.keys(), embedded.embeddings, seed=seed + 1, normal=True)
    else:
        second = _towards_word(classifier, embedded, *towards)
    v = unit_example(second - (second * u).sum() * u)
    axis = torch.linspace(-extent * epsilon, extent * epsilon, points)
    axis[points // 2] = 0.0
    grid = torch.cartesian_prod(axis, axis).to(u)  # (b, a), a runs fastest.
    extra = {name: tensor for name, tensor in batch.items() if name not in ("input_ids", "labels")}
    losses, heights = [], []
    with torch.no_grad():
        for start in range(0, len(grid), batch_size):
            part = grid[start : start + batch_size]
            moved = embedded.embeddings + part[:, 1, None, None] * u + part[:, 0, None, None] * v
            inputs = {name: tensor.expand(len(part), -1) for name, tensor in extra.items()}
            logits = model(inputs_embeds=moved, **inputs).logits
            own = task_losses(logits, labels.expand(len(part)))
            losses.append(own)
            heights.append(logits[:, 0] if classifier.is_regression else margins(logits, labels.expand(len(part))))
            if progress is not None:
                progress(min(start + batch_size, len(grid)), len(grid))
    return Landscape(
        axis=axis.tolist(),
        loss=torch.cat(losses).view(points, points).tolist(),
        margin=torch.cat(heights).view(points, points).tolist(),
        paths={
            name: [
                {
                    "a": float((point.delta * u).sum()),
                    "b": float((point.delta * v).sum()),
                    "off": float((point.delta - (point.delta * u).sum() * u - (point.delta * v).sum() * v).norm()),
                    "loss": float(point.loss[0]),
                    "norm": float(point.delta.norm()),
                }
                for point in path
            ]
            for name, path in followed.items()
        },
        epsilon=epsilon,
        tokens=classifier.tokenizer.convert_ids_to_tokens(batch["input_ids"][0].tolist()),
        label=labels[0].item(),
        horizontal="adversarial direction u",
        vertical="random direction v" if towards is None else f"direction v towards {towards[1]!r}",
        truncated=truncated,
    )
