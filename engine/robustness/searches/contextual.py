"""Contextual: the words that a masked language model would put there, tried greedily (BERT-Attack, Li et al. 2020; BAE)."""

from engine.robustness.searches import SEARCHES, Search
from engine.robustness.searches.greedy import greedy

SEARCHES.add(Search("contextual", 2020, greedy, contextual=True))
