"""Every view of every analysis draws, and what it says are the result's own numbers."""

import pytest

from app.drawing.alternatives import alternative
from app.drawing.shown import Figure, Strips, difference, shown_from
from app.notebook.addresses import address_of
from app.views import VIEWS, draw, view_of
from engine.analysis import ANALYSES
from engine.analysis.flip import Flips
from engine.analysis.study import StudyResults
from engine.catalogue import analyse, load
from engine.errors import UserError
from engine.notebook.cells import Spec
from engine.runs.store import Store
from engine.studies import studies

TEXT = "a dull but good film"
OF_METHOD = {"method": "pgd", "settings": {"epsilon": 0.5}}


def test_every_analysis_has_a_view():
    assert VIEWS.names() == ANALYSES.names() and all(each.views for each in VIEWS.all())
    with pytest.raises(UserError, match="Unknown view of trace"):
        view_of("trace", "nonsense")


def settings(sentences, run, small):
    of = {"dataset": str(sentences), "limit": 20}
    masking = {"settings": {}, "similar": "en", "model": "minilm"}
    study = {
        "methods": ["textat"],
        "datasets": [run.config["dataset"]],
        "models": [run.config["model"]],
        "seeds": [0],
        "run": {name: run.config[name] for name in ("max_steps", "batch_size", "evaluations")},
        "settings": {"textat": {"ascent_steps": [run.config["method_settings"]["ascent_steps"]]}},
    }
    return {
        "trace": {**OF_METHOD, "text": TEXT},
        "side by side": {"epsilon": 0.5, "steps": 2, "text": TEXT},
        "flip": {"text": TEXT, "steps": 2},
        "examples": of,
        "smoothness": of,
        "smoothness curve": of,
        "smoothness variants": of,
        "landscape": {"text": TEXT, "points": 5},
        "attribution": {**OF_METHOD, "text": TEXT},
        "erasure": {"text": TEXT},
        "faithfulness": {**OF_METHOD, "text": TEXT, "draws": 3, "points": 5},
        "layers": {**OF_METHOD, "text": TEXT},
        "map": {**of, "epsilon": 0.5},
        "slices": of,
        "variants": {**OF_METHOD, "text": TEXT, "others": ["a dull film"]},
        "robust accuracy": {**of, "steps": 2},
        "calibration": of,
        "audit": {**of, "attack": "pgd", "steps": 2},
        "certify": {"text": TEXT, "samples": 50},
        "sandwich": {**of, "limit": 4, "samples": 60, "epsilons": [0, 1.0], "steps": 2},
        "word sandwich": {**of, "limit": 4, "samples": 60, "most_words": 2, "similar": "en"},
        "intervals": {"dataset": str(sentences), "limit": 20, "candidates": 2, "similar": "en"},
        "protocol": {**of, "limit": 6, "similar": "en", "least_similar": -1.0},
        "transfer": {**of, "limit": 10, "similar": "en", "models": [str(small), f"run:{run.id}"]},
        "word attack": {**of, "limit": 10, "similar": "en"},
        "masking": {**masking, "text": TEXT, "seed": 3},
        "masking statistics": {**masking, **of, "settings": {"strategy": "mac"}},
        "table": {"top": 5},
        "token": {"token": "good"},
        "table map": {},
        "curves": {"runs": [run.id]},
        "published": {"paper": "smart-1"},
        "ledger": {},
        "study": {"definition": study},
        "pareto": {"definition": study, "limit": 6, "steps": 2},
    }


@pytest.fixture(scope="module")
def results(small, textat_once):
    """One result of every analysis that needs no ELECTRA pair."""
    home, run = textat_once
    asked = settings(run.config["dataset"], run, small)
    subjects = {"classifier": str(small), "run": run.id, "nothing": ""}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DELTABOOK_HOME", str(home))
        cell = studies.cells(studies.study_from(asked["study"]["definition"]))[0]
        Store().update(run.id, info={**run.info, "cell": cell.key})
        return {
            name: analyse(name, load(name, subjects[ANALYSES.get(name).kind]), **values)
            for name, values in asked.items()
        }


def test_every_view_draws_and_can_be_kept(results):
    everything = [(each.name, name, view) for each in VIEWS.all() for name, view in each.views.items()]
    for analysis, name, view in everything:
        if ANALYSES.get(analysis).kind == "pair" or analysis == "tags":
            continue  # They have tests of their own.
        several = {"step 1": results[analysis], "step 2": results[analysis]}
        options = {"setting": "ascent_steps"} if name == "sweep" else {}
        shown = draw(analysis, name, several if view.several else results[analysis], **options)
        document = shown.document()
        assert difference(document, shown_from(document).document()) == "", (analysis, name)
        if isinstance(shown, Figure):
            layout = document["layout"]
            axes = layout.get("scene") or {"x": layout["xaxis"], "y": layout["yaxis"]}
            assert all(axis["title"]["text"] for axis in axes.values() if "title" in axis), (analysis, name)
            assert document["data"], (analysis, name)
        assert not shown.table().empty, (analysis, name)


@pytest.mark.parametrize(
    ("analysis", "view", "values", "page", "query"),
    [
        ("curves", "curve", {"runs": ["a", "b"]}, "runs", {"runs": ["a", "b"]}),
        ("published", "gains", {"paper": "smart-1"}, "compare", {"view": "Published tables", "paper": "smart-1"}),
        ("robust accuracy", "curve", {"epsilons": [0, 0.25]}, "compare", {"epsilons": "0, 0.25", "models": ["minilm"]}),
        ("trace", "loss", {"text": "x", "text_pair": "y"}, "perturb", {"text": "x", "pair": "y", "of": "minilm"}),
    ],
)
def test_a_cell_knows_the_address_of_its_page(analysis, view, values, page, query):
    subject = "minilm" if ANALYSES.get(analysis).kind == "classifier" else ""
    assert address_of(Spec(analysis=analysis, view=view, subjects={"": subject}, values=values)) == (page, query)


def test_a_sweep_over_words_stands_in_the_studys_order():
    row = {"method": "smart", "dataset": "d", "model": "m", "metric": "accuracy", "lowest": 0.1, "highest": 0.3}
    rows = [{**row, "swept": {"norm": norm}, "median": median} for norm, median in (("max", 0.2), ("frobenius", 0.25))]
    shown = draw("study", "sweep", StudyResults(rows), setting="norm")
    assert shown.table()["y"].tolist()[-2:] == [0.2, 0.25]
    assert list(shown.figure.layout.xaxis.ticktext) == ["max", "frobenius"]
    numbers = [{**row, "swept": {"epsilon": text}, "median": 0.5} for text in ("1", "0.1")]
    assert draw("study", "sweep", StudyResults(numbers), setting="epsilon").table()["x"].tolist()[-2:] == [0.1, 1.0]


def test_views_show_the_results_own_numbers(results):
    trace = results["trace"]
    strips = draw("trace", "tokens", trace, step=1)
    assert isinstance(strips, Strips)
    assert strips.strips[0].values == trace.token_norms[1]
    assert strips.largest == max(map(max, trace.token_norms))
    assert draw("trace", "loss", trace).table()["y"].tolist() == trace.loss
    assert (
        draw("curves", "curve", results["curves"]).table()["y"].iloc[-1]
        == next(iter(results["curves"].runs.values())).curves["loss"][-1][1]
    )
    bars = draw("flip", "epsilon", Flips("minilm", {"pgd": 0.25, "smart": None}))
    assert bars.table()["y"].tolist() == [0.25]


def test_a_pair_s_views(encoder, sentences, monkeypatch):
    from engine.runs.config import TrainConfig
    from engine.runs.execution import execute

    config = TrainConfig.build(
        {"method": "electra", "dataset": str(sentences), "model": str(encoder), "max_steps": 2}, {"batch_size": "8"}
    )
    run = execute(Store().create(config.as_dict(), status="starting").id)
    pair = load("detect", f"run:{run.id}")
    assert pair.reference == f"run:{run.id}"
    found = analyse("detect", pair, text=TEXT, share=0.5, seed=1)
    place = found.masked.index(True)
    assert draw("detect", "verdicts", found).strips[0].values == found.verdicts
    assert draw("detect", "filled", found).strips[0].values == [float(mask) for mask in found.masked]
    assert draw("detect", "options", found, place=place).table()["y"].tolist() == [
        each["probability"] for each in found.options[place]
    ]
    judged = analyse("judge", pair, text=TEXT, yours="a dull but bad film")
    assert draw("judge", "verdicts", judged).strips[0].tokens == judged.your_tokens


def test_bounds_are_steps_that_claim_nothing_between_their_points(results):
    """What is certified at ε holds below it, what an attack leaves there holds above it."""
    for analysis, view in (("sandwich", "bounds"), ("word sandwich", "bounds"), ("intervals", "bounds")):
        for trace in draw(analysis, view, results[analysis]).figure.data:
            if trace.hoverinfo == "skip":  # A mark, no bound.
                continue
            certain = "certified" in trace.name
            assert trace.line.shape == ("vh" if certain else "hv"), (analysis, trace.name)


def test_a_figure_says_in_words_what_it_shows(results):
    found = results["trace"]
    said = alternative(draw("trace", "loss", found).figure)
    assert said.startswith("Across: ascent step, upwards: loss (nats)")
    assert f"from {found.loss[0]:.3g} at 0 to {found.loss[-1]:.3g} at {len(found.loss) - 1}" in said
    tall = alternative(draw("trace", "yardstick", found).figure)
    assert f"{len(found.tokens)} bars, highest" in tall
    heat = alternative(draw("trace", "every step", found).figure)
    largest = max(max(row) for row in found.token_norms)
    assert f"highest {largest:.3g} at " in heat
    for analysis in VIEWS.all():
        for name, view in analysis.views.items():
            if analysis.name not in results or analysis.name == "tags":
                continue
            both = {"a": results[analysis.name]} if view.several else results[analysis.name]
            options = {"setting": "ascent_steps"} if name == "sweep" else {}
            shown = draw(analysis.name, name, both, **options) if name != "across training" else None
            if isinstance(shown, Figure):
                assert len(alternative(shown.figure)) > 20, (analysis.name, name)
