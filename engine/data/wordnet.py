"""What WordNet 3.0 says of English words: their base forms, parts of speech and opposites (Miller 1995; Fellbaum 1998).

The data are an extract of WordNet's, made by `benchmarks/wordnet.py`; its licence is `wordnet-license.txt` beside this file.
"""

import lzma
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("wordnet.txt.xz")
# How WordNet takes endings off (morphy), by part of speech.
ENDINGS = {
    "n": (("s", ""), ("ses", "s"), ("ves", "f"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"), ("men", "man"), ("ies", "y")),
    "v": (("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")),
    "a": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "r": (),
}  # fmt: skip


@dataclass(frozen=True)
class WordNet:
    """`parts`: lemma → letters of its parts of speech (n, v, a, r). `forms`: (part, irregular form) → lemmas. `antonyms`: lemma →
    lemmas. `clusters`: adjective → numbers of the clusters that it is in; n and -n are opposites. `known`: what `lemmas` found.
    """

    parts: dict[str, str]
    forms: dict[tuple[str, str], list[str]]
    antonyms: dict[str, set[str]]
    clusters: dict[str, set[int]]
    known: dict[str, dict[str, list[str]]] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, file: Path = FILE) -> "WordNet":
        """The extract that comes with the app."""
        lines, exceptions, pairs, opposed = (
            part.splitlines() for part in lzma.decompress(file.read_bytes()).decode().split("\n\n")
        )
        parts = {word: letters for letters, *words in map(str.split, lines) for word in words}
        forms = {(part, form): lemmas for part, form, *lemmas in map(str.split, exceptions)}
        antonyms, clusters = defaultdict(set), defaultdict(set)
        for first, second in map(str.split, pairs):
            antonyms[first].add(second)
            antonyms[second].add(first)
        for number, line in enumerate(opposed, start=1):
            for sign, words in zip((1, -1), line.split(" | "), strict=True):
                for word in words.split():
                    clusters[word].add(sign * number)
        return cls(parts, forms, dict(antonyms), dict(clusters))

    def lemmas(self, word: str) -> dict[str, list[str]]:
        """The base forms of a word by part of speech: `films` → {"n": ["film"], "v": ["film"]}; empty for an unknown word."""
        word = word.lower()
        if word in self.known:
            return self.known[word]
        found = self.known[word] = {}
        for part, endings in ENDINGS.items():
            forms = list(self.forms.get((part, word), ()))
            if part in self.parts.get(word, ""):
                forms.append(word)
            stems = [word[: -len(end)] + new for end, new in endings if word.endswith(end)]
            forms += [stem for stem in stems if part in self.parts.get(stem, "")]
            if forms:
                found[part] = list(dict.fromkeys(forms))
        return found

    def opposed(self, first: str, second: str) -> bool:
        """Whether a form of one is an antonym of a form of the other, or both are adjectives of opposite clusters."""
        ours, theirs = (
            {lemma for lemmas in self.lemmas(word).values() for lemma in lemmas} for word in (first, second)
        )
        if any(lemma in self.antonyms.get(other, ()) for lemma in ours for other in theirs):
            return True
        here, there = ({at for lemma in each for at in self.clusters.get(lemma, ())} for each in (ours, theirs))
        return any(-at in there for at in here)

    def same_part(self, first: str, second: str) -> bool:
        """Whether two words can be of one part of speech; true where WordNet does not know one of them."""
        ours, theirs = (set(self.lemmas(word)) for word in (first, second))
        return not ours or not theirs or bool(ours & theirs)

    def knows(self, words: Iterable[str]) -> bool:
        """Whether at least half of the different words are in WordNet: if not, the texts are in another language."""
        different = {word.lower() for word in words}
        return 2 * sum(bool(self.lemmas(word)) for word in different) >= len(different)

    def exchangeable(self, first: str, second: str) -> bool:
        """Whether, as far as WordNet knows, one may stand for the other without turning the meaning round."""
        return self.same_part(first, second) and not self.opposed(first, second)


@cache
def wordnet() -> WordNet:
    """The extract, read once."""
    return WordNet.read()
