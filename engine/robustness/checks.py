"""Whether an attack in embedding space can be believed: what a working attack does, checked one by one.

After Carlini et al. 2019 (On Evaluating Adversarial Robustness) and Athalye et al. 2018 (Obfuscated Gradients).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from engine.ascent import Point, climb
from engine.methods.passes import PerturbedBatch
from engine.perturbation import example_noise, example_norms, unit_example
from engine.robustness.attacks import ATTACKS, STANDARD, Attack, named, worst
from engine.robustness.attacks.square import Square
from engine.subjects.classifier import Classifier

NOISES = 10  # Draws of noise of the attack's own size.
FAR = 100.0  # In the "unbounded" ball, ε is so many times the length of X.
EDGE = 0.8  # Share of the climbs that must end there: a maximum may lie inside.
LONGER = 3  # Times as many steps, with one restart more.
PARTS = 7  # Of the work on a batch, for its progress.
TOLERATED = 0.01  # Share of examples, for what should not happen at all.


@dataclass(frozen=True)
class Check:
    """One check. `passed`: None where nothing can be said. `seen`: in words. `means`: what it would mean if it failed."""

    name: str
    passed: bool | None
    seen: str
    means: str


@dataclass
class Seen:
    """What was seen of the rightly classified examples of all batches; every list has a value per example.

    Attributes:
        apart: largest difference of the logits between two passes over the same input.
        flat: whether the gradient of the attack's objective at X is exactly zero.
        rises: objective at the end of the climb less at its start, of examples that the attack does not fell at once.
        edge: ‖δ_K‖ / ε of those that it does not fell.
        down: by the name of what was tried: whether it fells the example; longer, other and random attacks are tried on those
            that it does not.
    """

    apart: list[float] = field(default_factory=list)
    flat: list[bool] = field(default_factory=list)
    rises: list[float] = field(default_factory=list)
    edge: list[float] = field(default_factory=list)
    down: dict[str, list[bool]] = field(default_factory=dict)

    def note(self, name: str, found: Tensor) -> None:
        """Add a batch's results of one attack."""
        self.down.setdefault(name, []).extend(found.tolist())


@dataclass(frozen=True)
class Audited:
    """The attack that is looked at: its name, ε, steps K, restarts, seed and site."""

    attack: str
    epsilon: float
    steps: int
    restarts: int
    seed: int
    site: str


def look(
    seen: Seen,
    classifier: Classifier,
    batch: Mapping[str, Tensor],
    of: Audited,
    other: Classifier | None = None,
    done: Callable[[], None] = lambda: None,
) -> None:
    """Try everything on one batch.

    Args:
        batch: of examples that the model gets right.
        other: a model whose climbs are tried too.
        done: called after each of the `PARTS`.
    """
    labels = batch["labels"]
    first, second = classifier.logits(batch), classifier.logits(batch)
    seen.apart += (first - second).abs().amax(dim=-1).tolist()
    attacks = named(of.attack, len(classifier.labels))
    path = _path(attacks, classifier, batch, of)
    _note_path(seen, path, labels, of)
    done()
    found = partial(worst, seed=of.seed, site=of.site)
    own, _ = found(attacks, classifier, batch, of.epsilon, of.steps, restarts=of.restarts)
    seen.note("itself", own)
    done()
    holding = (~own).nonzero()[:, 0]
    rest = {name: tensor[holding.to(tensor.device)] for name, tensor in batch.items()}

    def also(attacks: Sequence[type[Attack]], steps: int, restarts: int = 1) -> Tensor:
        """What other attacks fell of those that it does not."""
        down = torch.zeros_like(own)
        if len(holding):
            down[holding] = found(attacks, classifier, rest, of.epsilon, steps, restarts=restarts)[0]
        done()
        return down

    climbing = [each for each in ATTACKS.all() if each.takes_gradient and each.variants(len(classifier.labels))]
    seen.note("longer", also([each for each in attacks if each in climbing], LONGER * of.steps, of.restarts + 1))
    seen.note("others", also([each for each in climbing if each not in attacks], of.steps))
    seen.note("square", also([Square], of.steps))
    here = PerturbedBatch(classifier.model, batch, site=of.site)
    with torch.no_grad():
        down = torch.zeros(len(labels), dtype=torch.bool)
        for draw in range(NOISES):
            noise = example_noise(here.mask, here.keys(), here.like, seed=of.seed + draw, normal=True)
            said = here.forward(of.epsilon * unit_example(noise), ascent=False).logits.argmax(dim=-1)
            down |= (said != labels).cpu()
    seen.note("noise", down)
    done()
    far = FAR * max(float(example_norms(here.like).max()), 1.0)
    seen.note("unbounded", found(attacks, classifier, batch, far, of.steps)[0])
    done()
    if other is not None:
        down = torch.zeros(len(labels), dtype=torch.bool)
        for point in _path(attacks, other, batch, of):
            with torch.no_grad():
                said = here.forward(point.delta, ascent=False).logits.argmax(dim=-1)
            down |= (said != labels).cpu()
        seen.note("transferred", down)


def _path(
    attacks: Sequence[type[Attack]], classifier: Classifier, batch: Mapping[str, Tensor], of: Audited
) -> list[Point]:
    """The climb of the first of some attacks that has a gradient and something to do here, from δ = 0."""
    classes = len(classifier.labels)
    attack = next(each for each in (*attacks, *ATTACKS.all()) if each.takes_gradient and each.variants(classes))
    made = attack(of.epsilon, of.steps, site=of.site, **attack.variants(classes)[0])
    return climb(made, classifier.model, batch, steps=of.steps)


def _note_path(seen: Seen, path: list[Point], labels: Tensor, of: Audited) -> None:
    moved = [bool(norm) for norm in example_norms(path[1].delta)]
    seen.flat += [not each for each in moved]
    values = torch.stack([point.objective for point in path])
    seen.rises += (values.amax(dim=0) - values[0]).tolist()
    held = torch.stack([point.logits.argmax(dim=-1) == labels for point in path]).all(dim=0)
    ends = example_norms(path[-1].delta) / of.epsilon
    seen.edge += ends[held].tolist()


def card(seen: Seen, of: Audited) -> list[Check]:
    """The checks, from what was seen."""
    own = seen.down["itself"]
    count = max(len(own), 1)
    fell, by_noise = sum(own), sum(seen.down["noise"])
    rising = sum(each > 0 for each in seen.rises)
    checks = [
        Check(
            "the model answers the same twice", max(seen.apart, default=0.0) == 0.0,
            f"logits differ by up to {max(seen.apart, default=0.0):.3g} between two passes over the same input",
            "The model is random (dropout left on?): a climb follows noise, and one answer says little of the next.",
        ),
        Check(
            "there are gradients", sum(seen.flat) <= TOLERATED * count,
            f"{sum(seen.flat)} of {count} gradients at the text itself are exactly zero",
            "The loss is flat to the last digit where the attack starts (a saturated head, a large scale of the logits): the attack"
            " does not move, and has tried nothing.",
        ),
        Check(
            "the loss rises along the climb", rising >= (1 - TOLERATED) * count,
            f"it rises for {rising} of {count} examples in {of.steps} steps",
            "The gradients do not point uphill: they are hidden, or the steps are far too long.",
        ),
        Check(
            "without a bound everything falls", sum(seen.down["unbounded"]) >= (1 - TOLERATED) * count,
            f"{sum(seen.down['unbounded'])} of {count} fall when ε is {FAR:g} times the length of the text's vectors",
            "Nothing real withstands an unbounded change: the attack is blind to something.",
        ),
        Check(
            "it reaches the edge of the ball",
            None if not seen.edge else sum(each >= 0.99 for each in seen.edge) >= EDGE * len(seen.edge),
            f"{sum(each >= 0.99 for each in seen.edge)} of {len(seen.edge)} climbs that changed no answer end at ‖δ‖ = ε",
            "The steps are too short or too few: much of what ε allows was never tried.",
        ),
        Check(
            "it finds more than noise", None if fell == by_noise == 0 else fell > by_noise or by_noise == count,
            f"the attack fells {fell} of {count}, noise of the same size {by_noise}",
            "The attack is no better than chance: its direction carries no information.",
        ),
    ]  # fmt: skip
    blind = not any(each.takes_gradient for each in ATTACKS.all() if of.attack in (each.name, STANDARD))
    more = (
        ("square", "no search without gradients finds more", "a random search",
         "The same search finds more when it looks again: it has not converged." if blind
         else "The gradients mislead: the model hides them."),
        ("others", "no other attack finds more", "another attack",
         "Another objective or step size is stronger: the accuracy is too high."),
        ("longer", f"{LONGER} times the steps and a restart find no more", "the longer attack",
         "The attack has not converged: the accuracy is too high."),
        ("transferred", "no climb on another model finds more", "what was found on the other model",
         "What another model's gradients find, this one's should: they are hidden."),
    )  # fmt: skip
    for tried, name, by, means in more:
        if tried in seen.down:
            beyond = sum(down and not mine for mine, down in zip(own, seen.down[tried], strict=True))
            said = f"{by} fells {beyond} of {count} examples that the attack does not"
            checks.append(Check(name, beyond <= TOLERATED * count, said, means))
    return checks
