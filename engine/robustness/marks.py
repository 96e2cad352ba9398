"""What people said of changed texts: whether the meaning was kept. It is of the two texts, whatever the model or the attack."""

import time
from collections.abc import Iterable

from engine.database import Database


class Marks(Database):
    """Marks in the database, one per pair of texts."""

    def mark(self, before: str, after: str, kept: bool | None) -> None:
        """Say that the meaning was kept or not; None takes the mark away."""
        with self.writing() as connection:
            if kept is None:
                connection.execute("DELETE FROM marks WHERE before = ? AND after = ?", (before, after))
            else:
                connection.execute(
                    "INSERT INTO marks VALUES (?, ?, ?, ?) ON CONFLICT (before, after) DO UPDATE SET kept = excluded.kept,"
                    " time = excluded.time",
                    (before, after, int(kept), time.time()),
                )

    def of(self, pairs: Iterable[tuple[str, str]]) -> list[bool | None]:
        """The mark of each pair (before, after); None without one."""
        with self.reading() as connection:
            found = {
                (row["before"], row["after"]): bool(row["kept"]) for row in connection.execute("SELECT * FROM marks")
            }
        return [found.get(pair) for pair in pairs]
