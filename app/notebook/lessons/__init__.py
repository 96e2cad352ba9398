"""Guided notebooks that come with the app: Markdown files, cells apart by `---`; results, answers and, last, the teacher's notes in
fenced blocks.
"""

import json
import re
from pathlib import Path

from engine.notebook.cells import Content, content_from

FOLDER = Path(__file__).parent
_BLOCK = re.compile(r"^```(cell|answer|teacher)\n(.*?)^```\n?", re.M | re.S)


def titles() -> dict[str, str]:
    """The lessons in order: file's name without ending → title."""
    return {
        path.stem: path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        for path in sorted(FOLDER.glob("*.md"))
    }


def lesson(name: str) -> tuple[str, list[Content]]:
    """Title and cells of a lesson; nothing in them has been run."""
    title, _, text = (FOLDER / f"{name}.md").read_text(encoding="utf-8").partition("\n")
    contents = []
    for part in re.split(r"^---$", text, flags=re.M):
        blocks = {found[1]: found[2] for found in _BLOCK.finditer(part)}
        if "teacher" in blocks:
            continue
        document: dict[str, object] = {"note": _BLOCK.sub("", part).strip(), "answer": blocks.get("answer", "").strip()}
        if "cell" in blocks:
            document["spec"] = json.loads(blocks["cell"])
        contents.append(content_from(document))
    return title.removeprefix("# "), contents


def teachers_notes(name: str) -> str:
    """What a teacher wants to know before giving a lesson: time, preparation, questions, misunderstandings (Markdown)."""
    blocks = _BLOCK.finditer((FOLDER / f"{name}.md").read_text(encoding="utf-8"))
    return next(found[2] for found in blocks if found[1] == "teacher").strip()
