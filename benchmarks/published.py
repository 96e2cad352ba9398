"""Compares engine/studies/published.tsv with the slides, number by number.

    python benchmarks/published.py --slides slides.txt

Every cell of the data must stand in the slides in the row that it is said to come from, and every number of the slides' result
tables must be in the data. Exit code 1 if not.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import csv

from engine.studies.published import FILE

HEADS = (
    "Method\tMNLI",
    "Model\tScore",
    "Model\tMNLI-m/mm",
    "Model /#Train",
    "Model\tRTE",
    "Rank Name",
    "Sentence Pair",
)


def tables(slides: Path) -> list[list[list[str]]]:
    """The result tables: rows of cells, without empty ones."""
    lines = slides.read_text(encoding="utf-8").split("\n")
    found = []
    for head in HEADS:
        start = next(at for at, line in enumerate(lines) if line.startswith(head))
        end = next(at for at in range(start, len(lines)) if not lines[at].strip())
        found.append([[cell.strip() for cell in line.split("\t") if cell.strip()] for line in lines[start:end]])
    return found


def main() -> int:
    """Print what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slides", type=Path, required=True)
    options = parser.parse_args()
    with FILE.open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file, delimiter="\t"))
    ours: dict[str, dict[str, list[str]]] = {}
    for cell in cells:
        ours.setdefault(cell["table"], {}).setdefault(f"{cell['group']}\t{cell['row']}", []).append(cell["text"])
    problems = 0
    checked = 0
    for (name, rows), printed in zip(ours.items(), tables(options.slides), strict=True):
        # A row is found by its cells alone, in order, at the end of a printed row: names are compared separately.
        left = Counter(tuple(row) for row in printed)
        for key, texts in rows.items():
            texts = [text for text in texts if text]
            match = next((row for row in left if left[row] and list(row[-len(texts) :]) == texts), None)
            checked += len(texts)
            if match is None:
                print(f"{name}: {key}: not printed so: {' '.join(texts)}")
                problems += 1
            else:
                left[match] -= 1
        for row, count in left.items():
            numbers = [cell for cell in row[1:] if any(letter.isdigit() for letter in cell)]
            if count and len(numbers) > 3 and row[0] not in ("Model", "Model /#Train", "Rank Name"):
                print(f"{name}: missing: {' '.join(row)}")
                problems += 1
    print(f"{checked} cells compared, {problems} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
