"""Whether a text can be seen; without torch, so that a page's field can say it at once."""

from unicodedata import category

EMPTY = "The text is empty: give at least one word."


def can_be_seen(text: str) -> bool:
    """Whether a text has more than spaces, controls and characters of no width."""
    return any(category(letter) not in ("Cc", "Cf", "Zs", "Zl", "Zp") for letter in text)
