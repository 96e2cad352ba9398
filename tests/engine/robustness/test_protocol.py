"""The papers' protocol: its limits, PWWS's order, words of a masked language model, and what people said of the meaning."""

import pytest
import torch

from app.views import draw
from app.views.protocol import marks_of
from engine.analysis.protocol import ANY_WORD, SEARCHED
from engine.catalogue import analyse
from engine.data.valence import contrary
from engine.data.wordnet import wordnet
from engine.errors import UserError
from engine.lexicon.candidates import similar_candidates
from engine.lexicon.similar import similar_words
from engine.robustness.infill import Infill, load_infill
from engine.robustness.marks import Marks
from engine.robustness.text import Limits, State, split
from engine.robustness.victim import Victim
from engine.robustness.words import attack_text
from tests import tiny

FREE = {"most_changed": 1.0, "least_similar": -1.0, "keep_stop_words": False}
SWAPS = {"good": ["bad", "dull"], "film": ["music", "plot"], "very": ["not", "a"]}
TEXT = "a very good film with people"


def test_pwws_takes_the_word_with_the_largest_weighted_gain_first(undecided):
    """Its equations written out: softmax over what is lost without each word, times what the best candidate gains."""
    victim = Victim(undecided)
    words = TEXT.split()
    label = int(victim([TEXT])[0].argmax())
    places = [place for place, word in enumerate(words) if word in SWAPS]

    def with_(place, word):
        return float(victim([" ".join(word if at == place else each for at, each in enumerate(words))])[0, label])

    here = float(victim([TEXT])[0, label])
    gaps = split(TEXT)[1]
    lost = [here - float(victim([State(words, gaps, label).text({place: ""})])[0, label]) for place in places]
    weights = torch.tensor(lost).softmax(dim=0).tolist()
    gains = [max(here - with_(place, word) for word in SWAPS[words[place]]) for place in places]
    order = sorted(
        (at for at, gain in enumerate(gains) if gain > 0), key=lambda at: weights[at] * gains[at], reverse=True
    )
    found = attack_text(
        undecided,
        TEXT,
        label,
        lambda word: SWAPS.get(word, []),
        search="pwws",
        limits=Limits(**{**FREE, "most_changed": 0.2}),
    )
    assert [place for place, *_ in found.changes] == [places[at] for at in order[:1]]


@pytest.mark.parametrize("search", ["greedy", "pwws", "hotflip", "random", "typos"])
@pytest.mark.parametrize("most", [2, 3, 50])
def test_no_search_asks_more_than_it_may(undecided, search, most):
    label = int(Victim(undecided)([TEXT])[0].argmax())
    limits = Limits(**FREE, queries_per_word=most)
    found = attack_text(undecided, TEXT, label, lambda word: SWAPS.get(word, []), search=search, limits=limits)
    assert found.queries <= most * len(TEXT.split())


def test_candidates_keep_the_meaning_as_far_as_wordnet_knows():
    words = similar_words("en")
    free, kept = (similar_candidates(words, 50, keep) for keep in (False, True))
    turned = set()
    for word in ("good", "beautiful", "worst", "happy"):
        assert set(kept(word)) <= {each for each, _ in words.similar(word, most=64)}
        assert all(wordnet().exchangeable(word, each) and not contrary(word, each) for each in kept(word))
        turned |= set(free(word)) - set(kept(word))
    assert {"bad", "ugly", "best"} & turned
    assert kept("Good")[0][0].isupper() and len(free("good")) == 50


class Filler(torch.nn.Module):
    """A masked language model that likes some tokens more than others, whatever the text."""

    def __init__(self, tokenizer, liked):
        super().__init__()
        self.device = torch.device("cpu")
        self.scores = torch.zeros(len(tokenizer))
        for rank, word in enumerate(liked):
            self.scores[tokenizer.convert_tokens_to_ids(word)] = 100.0 - rank

    def forward(self, input_ids, **_):
        return type("Said", (), {"logits": self.scores.expand(*input_ids.shape, -1)})


def test_what_a_masked_language_model_would_put_there(undecided):
    liked = ["[SEP]", "##1", "7", "film", "bad", "great", "music"]
    tokenizer = undecided.tokenizer
    fills = Infill(Filler(tokenizer, liked), tokenizer, 2, keep_meaning=True)
    found = fills(State(*split("Good film"), 0))
    assert found[0] == ["Film", "Great"]  # No mark, no piece, no number, no opposite.
    assert (
        found[1] == ["music"] or "film" not in found[1]
    )  # Not the word itself; "bad" and "great" are no nouns to WordNet.
    free = Infill(Filler(tokenizer, liked), tokenizer, 3, keep_meaning=False)(State(*split("Good film"), 0))
    assert free[0] == ["Film", "Bad", "Great"]


def test_a_piece_of_a_word_is_no_word_where_marks_stand_at_beginnings():
    tokenizer = tiny.byte_level(["a great film with a good plot", "mood food wood", "fine food"])
    assert {"ood", "Ġfood", "Ġgreat"} <= set(tokenizer.get_vocab())
    fills = Infill(Filler(tokenizer, ["ood", "Ġfood", "at", "Ġgreat", "Ġgood"]), tokenizer, 2, keep_meaning=False)
    found = fills(State(*split("a fine plot"), 0))
    assert found[1] == found[2] == ["food", "great"]


@pytest.mark.parametrize(
    ("text", "search", "said"),
    [
        ("这部电影有点慢，但是演员很棒", "greedy", True),
        ("a very good film", "greedy", False),
        ("这部电影有点慢", "typos", False),
    ],
)
def test_where_opposites_cannot_be_told_it_is_said(undecided, text, search, said):
    how = {"text": text, "search": search, "label": undecided.labels[0]}
    found = analyse("word attack", undecided, **how)
    assert ("Opposites were not left out" in found.remark) == ("Opposites were not left out" in found.text()) == said
    assert "Opposites" not in analyse("word attack", undecided, **how, keep_meaning=False).remark


def test_a_contextual_attack_tries_the_language_models_words(undecided):
    label = int(Victim(undecided)([TEXT])[0].argmax())

    def fills(state):
        return {place: SWAPS[word] for place, word in enumerate(state.words) if word in SWAPS}

    how = {"limits": Limits(**FREE)}
    ours = attack_text(undecided, TEXT, label, lambda word: [], search="contextual", fills=fills, **how)
    assert ours == attack_text(undecided, TEXT, label, lambda word: SWAPS.get(word, []), search="greedy", **how)


def test_the_table_of_all_searches(undecided, data):
    found = analyse("protocol", undecided, dataset=data, split="train", limit=12, similar="en", least_similar=-1.0)
    assert list(found.attacks) == [*SEARCHED, ANY_WORD]
    for name, each in found.attacks.items():
        assert each.summary["accuracy"] == found.attacks["greedy"].summary["accuracy"], name
        for one in each.examples:
            assert one.queries <= 50 * len(split(one.before)[0])
            assert len(one.changes) <= max(1, int(0.3 * len(split(one.before)[0])))
    won = {each.before for each in found.attacks["greedy"].examples if each.success}
    assert found.lost == sum(e.success and e.before not in won for e in found.attacks[ANY_WORD].examples)
    assert f"{found.lost} go away" in found.text() or "does not succeed" in found.text()


def test_marks_are_of_two_texts_and_stay(undecided, data, tmp_path, monkeypatch):
    monkeypatch.setenv("DELTABOOK_HOME", str(tmp_path))
    found = analyse("protocol", undecided, dataset=data, split="train", limit=12, similar="en", least_similar=-1.0)
    name, pairs = max(
        ((name, [(e.before, e.after) for e in each.examples if e.success]) for name, each in found.attacks.items()),
        key=lambda each: len(each[1]),
    )
    assert len(pairs) > 1, "an attack that wins twice"
    right = sum(each.said == each.label for each in found.attacks[name].examples)

    def shown():
        table = draw("protocol", "table", found).table()
        row = table[table["search"] == name].iloc[0]
        return row["marked"], row["success, meaning kept"]

    assert shown() == (f"0 of {len(pairs)}", f"0.0% to {len(pairs) / right:.1%}")
    before = marks_of(found)
    Marks().mark(*pairs[0], True)
    for pair in pairs[1:]:
        Marks().mark(*pair, False)
    assert Marks().of(pairs) == [True] + [False] * (len(pairs) - 1)
    assert shown() == (f"{len(pairs)} of {len(pairs)}", f"{1 / right:.1%}")
    table = draw("protocol", "table", found, marks=before).table()  # As it was when a cell was pinned.
    assert table[table["search"] == name].iloc[0]["marked"] == f"0 of {len(pairs)}"
    Marks().mark(*pairs[0], None)
    assert Marks().of(pairs)[0] is None


def test_a_language_model_that_is_none(tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        load_infill(str(tmp_path / "nowhere"), 5, True)
