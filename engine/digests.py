"""Fingerprints of files."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=4096)
def _digest(path: Path, changed: int, size: int) -> bytes:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


def digest_of(files: Iterable[Path]) -> str:
    """SHA-256 over the SHA-256 of every file's content, in hexadecimal; an unchanged file is read once per process."""
    digest = hashlib.sha256()
    for file in files:
        facts = file.stat()
        digest.update(_digest(file.absolute(), facts.st_mtime_ns, facts.st_size))
    return digest.hexdigest()
