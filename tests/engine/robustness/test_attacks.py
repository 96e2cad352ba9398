"""The attacks in embedding space: APGD against the paper's algorithm written out, losses in closed form, the ball."""

import math

import pytest
import torch

from engine.ascent import climb
from engine.data.tasks import Task
from engine.errors import UserError
from engine.perturbation import example_norms
from engine.robustness.attacks import ATTACKS, fallen, named, worst
from engine.robustness.attacks.apgd import checkpoints
from engine.robustness.attacks.margin import margin_loss
from engine.subjects.classifier import precise
from engine.subjects.samples import batches
from tests.engine.analysis.conftest import load

EPSILON = 0.6


@pytest.fixture(scope="module")
def victim(classifier):
    return precise(classifier)


@pytest.fixture
def held(victim, table):
    """A batch with the labels that the model gives, so that it is right everywhere."""
    _, batch = next(batches(victim, table.head(12), 12))
    return {**batch, "labels": victim.logits(batch).argmax(dim=-1)}


@pytest.fixture(scope="module")
def three(encoder, tmp_path_factory):
    """A classifier of three classes."""
    return precise(load(encoder, tmp_path_factory.mktemp("three"), Task("t", "classification", ("a", "b", "c"))))


def by_the_paper(value_and_gradient, start, steps):
    """Croce & Hein 2020, Algorithm 1, for one example, with its whole history kept: the points x(0) … x(N)."""

    def inside(point):
        return point if point.norm() <= EPSILON else point * (EPSILON / point.norm())

    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    marks = [0, *(math.ceil(round(share * steps, 6)) for share in shares[1:] if share <= 1)]
    size, points, values = 2 * EPSILON, [start], []
    gradients, bests, halved_at = [], {}, {0}
    for step in range(steps):
        value, gradient = value_and_gradient(points[step])
        values.append(value)
        gradients.append(gradient)
        best = max(range(step + 1), key=lambda at: (values[at], -at))
        if step == 0:
            bests[0] = value
        here, slope = points[step], gradient
        if step in marks[1:]:
            last = marks[marks.index(step) - 1]
            went_up = sum(values[at + 1] > values[at] for at in range(last, step))
            unchanged = last not in halved_at and values[best] <= bests[last]
            bests[step] = values[best]
            if went_up < 0.75 * (step - last) or unchanged:
                size, here, slope = size / 2, points[best], gradients[best]
                halved_at.add(step)
        ahead = inside(here + size * slope / slope.norm())
        before = points[step - 1] if step else here
        share = 0.75 if step else 1.0
        points.append(inside(here + share * (ahead - here) + (1 - share) * (here - before)))
    return points


def test_apgd_is_the_papers_algorithm(victim, held):
    one = {name: tensor[:1] for name, tensor in held.items()}
    weights = victim.model.get_input_embeddings().weight
    words = weights[one["input_ids"]].detach()

    def value_and_gradient(delta):
        moved = (words + delta).requires_grad_()
        logits = victim.model(inputs_embeds=moved, attention_mask=one["attention_mask"]).logits
        loss = -logits.log_softmax(-1)[0, one["labels"][0]]
        return float(loss), torch.autograd.grad(loss, moved)[0]

    steps = 40
    expected = by_the_paper(value_and_gradient, torch.zeros_like(words), steps)
    found = climb(ATTACKS.get("apgd")(EPSILON, steps), victim.model, one, steps=steps)
    for own, point in zip(expected, found, strict=True):
        torch.testing.assert_close(point.delta, own, atol=1e-7, rtol=0)
    assert len({round(float(norm), 6) for norm in example_norms(torch.cat(expected))}) > 1


def test_checkpoints_shrink_as_in_the_paper():
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]


@pytest.mark.parametrize("name", ATTACKS.names())
def test_every_point_lies_in_the_ball_and_padding_stays(victim, held, name):
    attack = ATTACKS.get(name)
    for variant in attack.variants(2) or []:
        for seed in (None, 3):
            made = attack(EPSILON, 6, seed=seed, **variant)
            for point in climb(made, victim.model, held, steps=made.steps):
                assert (example_norms(point.delta) <= EPSILON * (1 + 1e-6)).all()
                assert not point.delta[held["attention_mask"] == 0].any()


def test_an_example_is_attacked_as_if_it_were_alone(victim, held):
    """For every attack but the random search too: neighbours and padding change nothing."""
    shortest = int(held["attention_mask"].sum(dim=1).argmin())
    alone = {name: tensor[shortest : shortest + 1] for name, tensor in held.items()}
    length = int(alone["attention_mask"].sum())
    alone = {name: each[:, :length] if each.ndim == 2 else each for name, each in alone.items()}
    for name in ("pgd", "margin", "apgd", "apgd margin"):
        attack = ATTACKS.get(name)
        together = climb(attack(EPSILON, 12), victim.model, held, steps=12)
        by_itself = climb(attack(EPSILON, 12), victim.model, alone, steps=12)
        for one, other in zip(together, by_itself, strict=True):
            torch.testing.assert_close(one.delta[shortest, :length], other.delta[0], atol=1e-8, rtol=0)


def test_the_margin_in_closed_form():
    logits = torch.tensor([[3.0, 1.0, 0.0, -2.0], [0.0, 4.0, 1.0, 3.0]], dtype=torch.float64)
    labels = torch.tensor([0, 2])
    expected = torch.tensor([(1 - 3) / (3 - 0), (4 - 1) / (4 - 1)], dtype=torch.float64)
    torch.testing.assert_close(margin_loss(logits, labels), expected)
    torch.testing.assert_close(margin_loss(1e6 * logits, labels), expected)
    two = torch.tensor([[3.0, 1.0]])
    assert margin_loss(two, torch.tensor([1])).item() == pytest.approx(2.0)


def test_targeted_goes_for_each_other_class(three, table):
    _, batch = next(batches(three, table.assign(label=0).head(10), 10))
    batch["labels"] = three.logits(batch).argmax(dim=-1)
    attack = ATTACKS.get("targeted")
    assert [each["rank"] for each in attack.variants(3)] == [1, 2] and attack.variants(2) == []
    clean = three.logits(batch).scatter(1, batch["labels"][:, None], float("-inf"))
    for rank in (1, 2):
        made = attack(4.0, 20, rank=rank)
        path = climb(made, three.model, batch, steps=20)
        target = clean.argsort(dim=-1, descending=True)[:, rank - 1]
        assert torch.equal(made.target[:, 0], target)
        rows = torch.arange(len(target))
        gaps = [(point.logits[rows, target] - point.logits[rows, batch["labels"]]) for point in path]
        torch.testing.assert_close(path[-1].objective, gaps[-1])
        assert (torch.stack(gaps).amax(dim=0) > gaps[0]).all()


def test_with_two_classes_the_cross_entropy_climbs_where_the_margin_does(victim, held):
    for one, other in (("pgd", "margin"), ("apgd", "apgd margin")):
        paths = [climb(ATTACKS.get(name)(EPSILON, 10), victim.model, held, steps=10) for name in (one, other)]
        for first, second in zip(*paths, strict=True):
            torch.testing.assert_close(first.delta, second.delta, atol=1e-8, rtol=0)


def test_apgd_is_at_least_as_strong_as_pgd_with_as_many_gradients(victim, held):
    for epsilon in (0.1, 0.2, 0.4):
        weak, strong = (worst([ATTACKS.get(name)], victim, held, epsilon, 20)[0] for name in ("pgd", "apgd"))
        assert int(strong.sum()) >= int(weak.sum())


def test_the_worst_of_several_is_their_union_and_queries_are_counted(victim, held):
    found = {name: fallen(ATTACKS.get(name)(0.2, 5), victim, held)[0] for name in ("pgd", "margin", "square")}
    union = torch.stack(list(found.values())).any(dim=0)
    together, asked = worst([ATTACKS.get(name) for name in found], victim, held, 0.2, 5)
    assert torch.equal(together, union)
    calls = 0
    forward = victim.model.forward

    def counting(*arguments, **options):
        nonlocal calls
        calls += len(options["input_ids"])
        return forward(*arguments, **options)

    try:
        victim.model.forward = counting
        _, asked = worst([ATTACKS.get(name) for name in found], victim, held, 0.2, 5, restarts=2)
    finally:
        del victim.model.forward
    assert asked == calls > 0


def test_the_random_search_takes_no_gradient_and_only_ever_gains(victim, held):
    attack = ATTACKS.get("square")(EPSILON, 4)
    assert attack.steps == 40
    path = climb(attack, victim.model, held, steps=attack.steps)
    assert all(not point.logits.requires_grad for point in path)
    best = path[0].objective
    for point in path:
        kept = point.objective > best
        best = torch.where(kept, point.objective, best)
    assert (best > path[0].objective).any()
    norms = example_norms(path[-1].delta)
    torch.testing.assert_close(norms, torch.full_like(norms, EPSILON))


def test_standard_is_all_of_them_and_an_unknown_name_is_one_line():
    assert {each.name for each in named("standard", 3)} == set(ATTACKS.names())
    assert {each.name for each in named("standard", 2)} == {"margin", "apgd margin", "square"}
    with pytest.raises(UserError, match="Unknown attack in embedding space"):
        named("nosuch", 2)
