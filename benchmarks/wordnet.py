"""Makes engine/data/wordnet.txt.xz: what the app needs of WordNet 3.0.

    python benchmarks/wordnet.py FOLDER

FOLDER holds WordNet's files `data.*`, `index.*` and `*.exc` (Debian: the package wordnet-base, /usr/share/wordnet).

Four parts, with an empty line between: single words by the parts of speech that they may have (n, v, a, r); exceptions of inflection;
pairs of antonyms; pairs of opposite clusters of adjectives (a head with all that WordNet calls similar to it).
"""

import argparse
import lzma
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
TARGET = Path(__file__).resolve().parents[1] / "engine" / "data" / "wordnet.txt.xz"


def synsets(folder: Path, part: str) -> Iterator[tuple[str, str, list[str], list[list[str]]]]:
    """(place, type, words, pointers) of every synset; a pointer is (symbol, place, part, source and target words)."""
    for line in (folder / f"data.{FILES[part]}").read_text(encoding="latin-1").splitlines():
        if line.startswith(" "):  # The licence.
            continue
        fields = line.partition(" | ")[0].split()
        count = int(fields[3], 16)
        words = [re.sub(r"\((a|p|ip)\)$", "", fields[4 + 2 * at]).lower() for at in range(count)]
        start = 5 + 2 * count
        pointers = [fields[at : at + 4] for at in range(start, start + 4 * int(fields[start - 1]), 4)]
        yield fields[0], fields[2], words, pointers


def single(words: list[str]) -> list[str]:
    """Those that are one word."""
    return [word for word in words if "_" not in word]


def parts_of_speech(folder: Path) -> list[str]:
    """A line per set of parts of speech: `nv word word …`."""
    found: dict[str, set[str]] = defaultdict(set)
    for part, name in FILES.items():
        for line in (folder / f"index.{name}").read_text(encoding="latin-1").splitlines():
            if not line.startswith(" ") and "_" not in (word := line.split()[0]):
                found[word].add(part)
    by_parts: dict[str, list[str]] = defaultdict(list)
    for word in sorted(found):
        by_parts["".join(sorted(found[word]))].append(word)
    return [f"{parts} {' '.join(words)}" for parts, words in sorted(by_parts.items())]


def exceptions(folder: Path) -> list[str]:
    """A line per form: `part form lemma …`."""
    found = []
    for part, name in FILES.items():
        for line in (folder / f"{name}.exc").read_text(encoding="latin-1").splitlines():
            fields = line.split()
            if len(fields) > 1 and "_" not in fields[0]:
                found.append(" ".join((part, *fields)))
    return found


def opposites(folder: Path) -> tuple[list[str], list[str]]:
    """Antonyms, `word word`, and opposite clusters of adjectives, `word … | word …`; a pair stands once."""
    pairs: set[tuple[str, str]] = set()
    clusters: set[tuple[str, str]] = set()
    for part in FILES:
        there = {place: (kind, words, pointers) for place, kind, words, pointers in synsets(folder, part)}
        similar: dict[str, list[str]] = defaultdict(list)
        for kind, words, pointers in there.values():
            heads = [at for symbol, at, *_ in pointers if symbol == "&"] if kind == "s" else []
            for head in heads:
                similar[head] += single(words)
        for place, (kind, words, pointers) in there.items():
            for symbol, at, _, ends in pointers:
                if symbol != "!":
                    continue
                first, second = words[int(ends[:2], 16) - 1], there[at][1][int(ends[2:], 16) - 1]
                if single([first, second]) == [first, second] and first != second:
                    pairs.add((min(first, second), max(first, second)))
                if kind == "a" and (similar[place] or similar[at]):
                    groups = sorted(
                        " ".join(dict.fromkeys(single(there[each][1]) + similar[each])) for each in (place, at)
                    )
                    if all(groups):
                        clusters.add((groups[0], groups[1]))
    return [" ".join(pair) for pair in sorted(pairs)], [" | ".join(pair) for pair in sorted(clusters)]


def main() -> None:
    """Read the folder, write the extract and say what it holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    parts = [parts_of_speech(folder), exceptions(folder), *opposites(folder)]
    text = "\n\n".join("\n".join(part) for part in parts) + "\n"
    TARGET.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes; lines: {', '.join(str(len(part)) for part in parts)}")


if __name__ == "__main__":
    main()
