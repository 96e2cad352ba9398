"""What mkdocs is told besides mkdocs.yml: the README as first page, and a page per module made from its docstrings."""

import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
ROOMS = (
    "engine/methods",
    "engine/objectives",
    "engine/lexicon",
    "engine/analysis",
    "engine/robustness",
    "engine/subjects",
    "engine/studies",
)
SINGLE = ("engine/perturbation", "engine/ascent", "engine/trainer", "engine/catalogue", "engine/registry", "engine/settings",
          "engine/statistics", "engine/models", "engine/sites", "engine/anatomy", "engine/adapters")  # fmt: skip


def _page(name: str, config: Any) -> str:
    """A file of the repository as a page of docs/: its links start from there."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
    return re.sub(r"\]\((CONTRIBUTING|CHANGELOG)\.md\)", lambda at: f"]({at[1].lower()}.md)", text)


def _modules() -> list[str]:
    found = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    found += [ROOT / f"{name}.py" for name in SINGLE]
    names = [path.relative_to(ROOT).with_suffix("").as_posix().removesuffix("/__init__") for path in found]
    return [name.replace("/", ".") for name in names]


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie elsewhere, and the reference."""
    pages = {"index.md": _page("README.md", config)}
    pages |= {f"{name.lower()}.md": _page(f"{name}.md", config) for name in ("CONTRIBUTING", "CHANGELOG")}
    pages |= {f"reference/{name}.md": f"::: {name}\n" for name in _modules()}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_config(config: Any) -> Any:
    """The reference in the navigation, room by room."""
    rooms: dict[str, list[Any]] = {}
    for name in _modules():
        rooms.setdefault(".".join(name.split(".")[:2]), []).append({name: f"reference/{name}.md"})
    config.nav.append({"Reference": [each[0] if len(each) == 1 else {room: each} for room, each in rooms.items()]})
    return config


def on_post_build(config: Any) -> None:
    """Nothing may be fetched from elsewhere when a page is read."""
    for page in Path(config.site_dir).rglob("*.html"):
        for found in re.findall(
            r"<(?:script|img|iframe)[^>]+src=\"(https?:[^\"]+)|<link[^>]+rel=\"(?:stylesheet|preconnect|icon)\"[^>]*href=\"(https?:[^\"]+)",
            page.read_text(encoding="utf-8"),
        ):
            raise PluginError(f"{page.name} fetches {''.join(found)}")
