"""Text of others as Markdown."""

import re

from markdown_it import MarkdownIt


def disarmed(text: str) -> str:
    """Markdown in which no HTML begins, for readers that would follow it: `<b` becomes `< b`, which no reader takes for a tag
    and which is the same in a formula; and no picture is fetched (see `unpictured`).
    """
    return unpictured(re.sub(r"<(?=[A-Za-z/!?])", "< ", text))


def unpictured(text: str) -> str:
    """Markdown whose pictures are links: a picture would be fetched from whoever's server it names, by all who look."""
    blocks = MarkdownIt("commonmark").parse(text)
    if not any(child.type == "image" for block in blocks for child in block.children or ()):
        return text
    code = {
        line for block in blocks if block.type in ("fence", "code_block") and block.map for line in range(*block.map)
    }
    lines = text.split("\n")
    return "\n".join(
        line if place in code else line.replace("![]", "[picture]").replace("![", "[")
        for place, line in enumerate(lines)
    )


def plain(text: str) -> str:
    """Text of a user's or a data set's as Markdown that shows it as it is (no links, images, formulas, HTML)."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+\-.!|~:$<>&])", r"\\\1", text)
    return escaped.replace("\n", " ")
