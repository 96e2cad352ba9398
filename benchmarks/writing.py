"""What the benchmarks that write a page of `docs/` share."""

from pathlib import Path

from engine.tables import as_markdown

DOCS = Path(__file__).resolve().parents[1] / "docs"


def picture(figure, name: str, title: str) -> str:
    """Write a figure as `docs/figures/NAME.svg`; returns its Markdown."""
    figure.update_layout(
        template="plotly_white", width=860, title={"text": title, "font": {"size": 14}}, margin={"t": 70}
    )
    (DOCS / "figures").mkdir(parents=True, exist_ok=True)
    figure.write_image(DOCS / "figures" / f"{name}.svg")
    return f"![{title}](figures/{name}.svg)\n"


def table(rows: list[dict[str, str]]) -> str:
    """A Markdown table; the columns are the first row's."""
    return as_markdown([list(rows[0]), *(list(row.values()) for row in rows)]) + "\n"


READ = "## Read plainly\n"


def written(name: str, lines: list[str]) -> Path:
    """Write `docs/NAME.md`; returns its path. What a person wrote below the heading `READ` stays, at the page's end."""
    DOCS.mkdir(exist_ok=True)
    path = DOCS / f"{name}.md"
    _, mark, read = path.read_text(encoding="utf-8").partition(READ) if path.exists() else ("", "", "")
    path.write_text("\n".join([*lines, f"{mark}{read}"]) if mark else "\n".join(lines))
    return path
