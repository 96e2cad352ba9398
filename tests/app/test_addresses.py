"""Addresses that people have kept: every page takes what it took before."""

import pytest

from engine.methods import METHODS, get_method
from engine.notebook.store import Notebooks

# Page → parameters of its address as they have been since the first version.
KEPT = [
    ("perturb", {"view": "One method", "method": "freelb", "perturb-freelb-epsilon": 0.4, "perturb-freelb-ascent_steps": 4,
                 "seed": 3, "label": "1", "step": 1, "text": "a very dull film"}),
    ("perturb", {"view": "Methods side by side", "epsilon": 0.3, "steps": 4, "seed": 1}),
    ("perturb", {"view": "A data set's examples", "limit": 20}),
    ("landscape", {"epsilon": 0.4, "points": 11, "extent": 2.0, "word": "good", "place": 2, "height": "margin", "label": "1"}),
    ("attribution", {"algorithm": "occlusion", "method": "smart", "attribution-smart-epsilon": 1e-4}),
    ("smoothness", {"smoothness-epsilon": 1e-4, "smoothness-ascent_steps": 2, "limit": 20, "seed": 2}),
    ("compare", {"view": "Against ε", "steps": 3, "restarts": 2, "epsilons": "0, 0.2", "schedule": "constant"}),
    ("compare", {"view": "Word attacks", "search": "typos", "limits-most_changed": 0.4, "limits-candidates": 5, "limit": 20}),
    ("compare", {"view": "Published tables", "paper": "smart-1"}),
    ("macbert", {"view": "One sentence", "mask-mask_share": 0.3, "similar": "en", "tokenizer": "minilm", "draw": 2}),
    ("macbert", {"view": "A corpus", "strategy": "wwm"}),
    ("train", {"method": "textat", "train-textat-epsilon": 0.2, "run-max_steps": 20, "run-learning_rate": 1e-4, "run-seed": 4}),
]  # fmt: skip


@pytest.mark.parametrize("page, query", KEPT)
def test_a_kept_address_sets_what_it_says(open_page, page, query):
    test = open_page(page, **query)
    shown = {widget.key: widget.value for kind in ("text_area", "text_input", "number_input", "selectbox", "slider",
             "select_slider", "button_group", "segmented_control", "checkbox") for widget in getattr(test, kind, ())}  # fmt: skip
    shown["step"] = test.session_state.get("at-step", None)  # Moved in the browser.
    for key, value in query.items():
        assert key in shown, (page, key)
        found = shown[key][0] if isinstance(shown[key], list) else shown[key]
        titles = {name: get_method(name).title for name in METHODS.names()}
        assert found in (value, titles.get(value)), (page, key, found)


def test_a_notebook_is_found_by_what_an_address_called_it_before(open_page):
    first, _ = (Notebooks().create("Mine") for _ in range(2))
    for called in (f"Mine · {first.id}", f"Mine (no. {first.id})", str(first.id)):
        page = open_page("notebook", notebook=called)
        (chosen,) = [each for each in page.selectbox if each.label == "Notebook"]
        assert chosen.value == str(first.id)
