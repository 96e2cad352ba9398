"""Text of others as Markdown."""

import re


def plain(text: str) -> str:
    """Text of a user's or a data set's as Markdown that shows it as it is (no links, images, formulas, HTML)."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+\-.!|~:$<>&])", r"\\\1", text)
    return escaped.replace("\n", " ")
