"""Word attacks against brute force on short sentences, against hand-made gradients, and within their limits."""

import itertools
from types import SimpleNamespace

import pytest
import torch

from engine.analysis.word_attack import summary
from engine.catalogue import analyse
from engine.errors import UserError
from engine.lexicon.candidates import similar_candidates
from engine.lexicon.closed_class import STOP_WORDS
from engine.lexicon.similar import similar_words
from engine.process import multiplying_fast
from engine.robustness.searches import SEARCHES
from engine.robustness.searches import random as random_search
from engine.robustness.searches.hotflip import first_order
from engine.robustness.searches.typos import typos
from engine.robustness.text import Limits, State, _sentence_encoder, sentence_similarity, split
from engine.robustness.victim import Victim
from engine.robustness.words import attack_text

FREE = Limits(most_changed=1.0, least_similar=-1.0, keep_stop_words=False)
SWAPS = {
    "good": ["bad", "dull"],
    "film": ["music", "plot"],
    "very": ["not", "a"],
    "dull": ["good", "fine"],
    "people": ["music"],
}
TEXTS = ["a very good film", "very dull people", "good music", "a good film with very dull people"]


def candidates(word):
    return SWAPS.get(word, [])


def said(classifier, text):
    return int(Victim(classifier)([text])[0].argmax())


def every_text(text):
    """All texts that the swaps allow."""
    words, _ = split(text)
    return [" ".join(chosen) for chosen in itertools.product(*([word, *candidates(word)] for word in words))]


@pytest.mark.parametrize("search", ["greedy", "pwws", "hotflip", "random"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_search_finds_nothing_that_brute_force_does_not(undecided, text, search):
    classifier = undecided
    label = said(classifier, text)
    found = attack_text(classifier, text, label, candidates, search=search, limits=FREE)
    everything = every_text(text)
    assert found.after in everything
    fooling = [each for each in everything if said(classifier, each) != label]
    assert found.success == (found.after in fooling)
    assert found.probability_after == pytest.approx(float(Victim(classifier)([found.after])[0, label]), abs=1e-6)
    if search in ("greedy", "pwws") and len(split(text)[0]) <= 2:
        single = [
            each for each in everything if sum(a != b for a, b in zip(each.split(), text.split(), strict=True)) == 1
        ]
        if any(said(classifier, each) != label for each in single):
            assert found.success  # One swap is enough, and greedy tries the best one of every word.


def test_greedy_takes_the_best_candidate_of_the_most_important_word(classifier):
    text = "a very good film"
    label = said(classifier, text)
    victim = Victim(classifier)
    words, gaps = split(text)
    places = [place for place, word in enumerate(words) if candidates(word)]
    without = {
        place: float(
            victim(
                [
                    "".join(
                        g + w
                        for g, w in zip(gaps, [w if at != place else "" for at, w in enumerate(words)], strict=False)
                    )
                ]
            )[0, label]
        )
        for place in places
    }
    first = min(places, key=lambda place: without[place])
    options = {word: float(victim([text.replace(words[first], word)])[0, label]) for word in candidates(words[first])}
    best = min(options, key=options.get)
    found = attack_text(
        classifier, text, label, candidates, limits=Limits(most_changed=0.3, least_similar=-1.0, keep_stop_words=False)
    )
    if options[best] < float(victim([text])[0, label]):
        assert found.changes == [(first, words[first], best)]


def test_first_order_estimates_are_gradient_times_move(classifier):
    text = "a very good film"
    label = said(classifier, text)
    words, gaps = split(text)
    state = State(words, gaps, label)
    options = {place: candidates(word) for place, word in enumerate(words) if candidates(word)}
    found = first_order(Victim(classifier), state, options)
    assert found == sorted(found, key=lambda each: -each[0]) and found
    encoded = classifier.tokenizer(text, return_tensors="pt")
    table_ = classifier.model.get_input_embeddings().weight
    looked_up = table_[encoded["input_ids"]].detach().requires_grad_()
    logits = classifier.model(inputs_embeds=looked_up, attention_mask=encoded["attention_mask"]).logits
    torch.nn.functional.cross_entropy(logits, torch.tensor([label])).backward()
    for estimate, place, word in found:
        (new,) = classifier.tokenizer(word, add_special_tokens=False)["input_ids"]
        old = encoded["input_ids"][0, place + 1]  # After [CLS]; each word is one token.
        plain = float((table_[new] - table_[old]) @ looked_up.grad[0, place + 1])
        assert estimate == pytest.approx(plain, rel=1e-4, abs=1e-7)


def test_what_the_limits_refuse_costs_the_random_search_nothing(monkeypatch):
    """It goes on to other words until it has changed as many as it may."""
    text = "a good film with very dull people"
    monkeypatch.setattr(
        random_search, "allowed", lambda text, others, limits: [not other.startswith("a bad") for other in others]
    )
    options = {"good": ["bad"], "film": ["plot"], "very": ["not"], "dull": ["fine"], "people": ["music"]}
    limits = Limits(most_changed=0.6, least_similar=-1.0, keep_stop_words=False)  # 4 of 7 words

    def holding(texts):
        return [torch.tensor([1.0, 0.0])]

    holding.queries = 0
    for seed in range(12):
        words, gaps = split(text)
        state = State(words, gaps, label=0)
        places = {at: options[word] for at, word in enumerate(words) if word in options}
        random_search.random_swaps(holding, state, places, text, limits, seed)
        assert len(state.changes) == 4


def test_words_are_found_in_a_changed_text_that_would_be_cut_otherwise():
    text = "使用语言模型, in a city!"
    words, gaps = split(text)
    state = State(words, gaps, label=0)
    for place, new in ((0, "使用了"), (len(words) - 1, "new_york")):
        state.swap(place, new)
    assert [state.text()[start:end] for start, end in state.spans()] == state.words
    assert state.text() == "使用了语言模型, in a new_york!"


def test_limits_are_kept(classifier):
    text = "a good film with very dull people"
    label = said(classifier, text)
    for search in SEARCHES.names():
        few = attack_text(
            classifier, text, label, candidates, search=search, limits=Limits(most_changed=0.3, least_similar=-1.0)
        )
        assert len(few.changes) <= 2  # 0.3 × 7 words
        strict = attack_text(
            classifier, text, label, candidates, search=search, limits=Limits(least_similar=1.0, most_changed=1.0)
        )
        assert strict.after == text or strict.similarity >= 1.0 - 1e-6
        kept = attack_text(
            classifier,
            text,
            label,
            lambda word: ["x"],
            search=search,
            limits=Limits(most_changed=1.0, least_similar=-1.0),
        )
        assert not {"a", "with"} & {old for _, old, _ in kept.changes}  # Closed-class words.


def test_a_wrong_prediction_is_left_alone_and_counted(classifier):
    text = "a very good film"
    label = 1 - said(classifier, text)
    found = attack_text(classifier, text, label, candidates, limits=FREE)
    assert found.after == text and not found.success and found.queries == 1
    right = attack_text(classifier, text, 1 - label, candidates, limits=FREE)
    figures = summary([found, right])
    assert figures["accuracy"] == 0.5 and figures["examples"] == 2
    assert figures["after_attack"] == (0.0 if right.success else 0.5)


def test_where_nothing_is_right_or_nothing_can_be_tried_no_success_is_counted(classifier, undecided):
    text = "a very good film"
    wrong = attack_text(classifier, text, 1 - said(classifier, text), candidates, limits=FREE)
    assert summary([wrong])["success"] is None
    found = analyse("word attack", undecided, text="a 没 的 了", search="greedy", most_changed=1.0, least_similar=-1.0)
    assert found.examples[0].queries <= 1  # Closed-class words, of both languages.
    assert "Nothing could be tried on 1 of the 1 texts" in found.text()
    assert "Nothing could be tried" in analyse("word attack", undecided, text="这部电影有点慢", search="typos").remark


def test_words_and_gaps_rebuild_the_text():
    for text in (" A good-natured film, isn't it? ", "使用语言模型来预测", "x", "a  b"):
        words, gaps = split(text)
        assert "".join(part for pair in zip(gaps, [*words, ""], strict=True) for part in pair) == text
    with pytest.raises(UserError, match="no words"):
        attack_text(SimpleNamespace(is_regression=False), "…", 0, candidates)


def test_typos_keep_the_ends_and_change_one_place():
    found = typos("film")
    assert "flim" in found and "fim" in found and "fiilm" in found and "film" not in found
    assert all(each[0] == "f" and each[-1] == "m" and abs(len(each) - 4) <= 1 for each in found)
    assert typos("the") == []


def test_unknown_attacks_are_refused(classifier):
    with pytest.raises(UserError, match="Unknown attack"):
        attack_text(classifier, "good film", 0, candidates, search="nonsense")


def test_similarity_is_one_for_the_same_text_and_less_for_another():
    same, close, far = sentence_similarity(
        "A wonderful film.", ["A wonderful film.", "A great movie.", "The train leaves at noon."]
    )
    assert same == pytest.approx(1.0, abs=1e-5) and far < close < same


def test_similarity_reads_a_long_text_to_its_end():
    """A change behind the encoder's 512 tokens counts as one before them: the mean is over all tokens."""
    filler = "It was shown in the town hall on a day in May last year. " * 60
    late, early = (sentence_similarity(*pair)[0] for pair in (
        (f"{filler} A wonderful film.", [f"{filler} The train leaves at noon."]),
        (f"A wonderful film. {filler}", [f"The train leaves at noon. {filler}"]),
    ))  # fmt: skip
    assert late < 1 - 1e-5 and early < 1 - 1e-5
    # Read by hand, in parts of 512 tokens with their two special ones.
    model, tokenizer = _sentence_encoder()
    sums = []
    for text in (f"{filler} A wonderful film.", f"{filler} The train leaves at noon."):
        ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        parts = [ids[at : at + 510] for at in range(0, len(ids), 510)]
        assert len(parts) > 1
        with torch.no_grad():
            hidden = [
                model(torch.tensor([[tokenizer.cls_token_id, *part, tokenizer.sep_token_id]])).last_hidden_state[0]
                for part in parts
            ]
        sums.append(torch.cat(hidden).sum(0))
    assert late == pytest.approx(float(torch.cosine_similarity(*sums, dim=0)), abs=1e-5)


def test_negations_and_other_closed_class_words_are_left_alone():
    assert {
        "not",
        "never",
        "nobody",
        "nothing",
        "without",
        "despite",
        "us",
        "just",
        "one",
        "each",
        "don't",
    } <= STOP_WORDS
    assert not {"good", "film", "wonderful", "time", "work", "bill", "fire"} & STOP_WORDS


def test_every_batch_of_questions_is_told(undecided):
    """So that a person can cancel within one text."""
    seen = []
    text = "a very good film about dull people and lovely music"
    free = Limits(most_changed=1.0, least_similar=-1.0, keep_stop_words=False)
    source = similar_candidates(similar_words("en"), 12)
    found = attack_text(
        undecided, text, said(undecided, text), source, limits=free, progress=lambda *at: seen.append(at)
    )
    counts = [done for done, _ in seen]
    assert counts == sorted(counts) and len(counts) > 3 and counts[0] == 1
    assert {of for _, of in seen} == {50 * len(text.split())} and found.queries in (counts[-1], counts[-1] - 1)


def test_ones_own_sentence_is_attacked_as_any_other(undecided):
    how = {"search": "greedy", "most_changed": 1.0, "least_similar": -1.0, "similar": "en", "keep_stop_words": False}
    found = analyse("word attack", undecided, text="a very good film", **how)
    (one,) = found.examples
    label = said(undecided, "a very good film")
    source = similar_candidates(similar_words("en"), 12)
    free = Limits(most_changed=1.0, least_similar=-1.0, keep_stop_words=False)
    with multiplying_fast():  # As analyses of many sentences do.
        assert one == attack_text(undecided, "a very good film", label, source, limits=free)
    against = analyse("word attack", undecided, text="a very good film", label=undecided.labels[1 - label], **how)
    assert against.examples[0].queries == 1  # It was wrong before.
    for values, words in (({"text": "..."}, "no words"), ({"text": "good", "label": "9"}, "out of range")):
        with pytest.raises(UserError, match=words):
            analyse("word attack", undecided, **values)
