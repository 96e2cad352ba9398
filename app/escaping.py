"""Text of others as Markdown."""

import re


def disarmed(text: str) -> str:
    """Markdown in which no HTML begins, for readers that would follow it: `<b` becomes `< b`, which no reader takes for a tag
    and which is the same in a formula.
    """
    return re.sub(r"<(?=[A-Za-z/!?])", "< ", text)


def plain(text: str) -> str:
    """Text of a user's or a data set's as Markdown that shows it as it is (no links, images, formulas, HTML)."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+\-.!|~:$<>&])", r"\\\1", text)
    return escaped.replace("\n", " ")
