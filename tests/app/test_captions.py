"""What stands under a pinned result, and what a figure of a long text shows."""

from app.drawing.alternatives import alternative
from app.drawing.token_figures import token_bars, token_heatmap
from app.notebook.captions import caption_of
from engine.notebook.cells import Spec


def test_a_caption_names_method_radius_steps_sentence_label_and_model():
    values = {"method": "pgd", "settings": {"epsilon": 0.3, "ascent_steps": 5, "step_size": 0.12, "site": "layer:2"},
              "text": "A dull film.", "text_pair": None, "label": None, "seed": 0}  # fmt: skip
    spec = Spec(analysis="trace", view="loss", subjects={"": "minilm"}, values=values)
    said = caption_of(spec)
    assert said == (
        "PGD, ε = 0.3, K = 5, α = 0.12, site layer:2 · “A dull film.” · against the model's own answer · minilm"
    )
    other = spec.model_copy(update={"values": {**values, "label": "negative"}, "subjects": {"a": "run:x", "b": "y"}})
    assert caption_of(other).endswith("against negative · a, b")


def test_a_caption_of_methods_at_one_radius_names_the_step_size_that_was_taken():
    values = {"dataset": "movie-sentiment", "limit": 30, "method": "freelb", "epsilon": 0.5, "steps": 3}
    said = caption_of(Spec(analysis="map", view="moves", subjects={"": "minilm"}, values=values))
    assert said == "FreeLB, α = 2ε/K · ε = 0.5, K = 3 · 30 examples of movie-sentiment · minilm"


def test_a_caption_of_a_sample_and_of_nothing():
    values = {"dataset": "/home/somebody/reviews.tsv", "limit": 30, "epsilons": [0.0, 0.1], "steps": 5, "seed": 1}
    spec = Spec(analysis="robust accuracy", view="curve", subjects={"": "run:abc"}, values=values)
    assert caption_of(spec) == "epsilons 0, 0.1, K = 5 · 30 examples of reviews.tsv · abc"
    assert caption_of(Spec(analysis="ledger", view="table")) == ""


def test_of_a_long_text_the_largest_are_drawn_in_their_order():
    tokens = [f"word{at}" for at in range(200)]
    norms = [[float(at % 97) for at in range(200)], [0.5] * 200]
    kept = sorted(sorted(range(200), key=lambda at: -(at % 97))[:60])
    for made in (token_heatmap(tokens, norms), token_bars(tokens, {"a": norms[0]}, "amount")):
        assert list(made.layout.xaxis.ticktext) == [tokens[at] for at in kept]
        assert "60 of 200" in made.layout.xaxis.title.text
    place = kept[7]
    assert token_heatmap(tokens, norms, chosen=place).layout.shapes[0].x0 == 6.5
    assert not token_heatmap(tokens, norms, chosen=next(at for at in range(200) if at not in kept)).layout.shapes
    short = token_bars(["a", "b"], {"x": [1.0, -2.0]}, "amount", chosen=1)
    assert list(short.layout.xaxis.ticktext) == ["a", "b"] and short.layout.shapes[0].x0 == 0.5
    assert "highest 1 at a, lowest -2 at b" in alternative(short)
