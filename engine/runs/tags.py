"""Tags that people give to runs, for groups of them."""

from collections.abc import Sequence

from engine.database import Database
from engine.errors import UserError

MOST_TAG = 40  # Characters.


class Tags(Database):
    """The tags in the database. Cheap to make."""

    def all(self) -> dict[str, list[str]]:
        """Those of every run that has some, by its id."""
        found: dict[str, list[str]] = {}
        with self.reading() as connection:
            for run, tag in connection.execute("SELECT run, tag FROM tags ORDER BY run, tag"):
                found.setdefault(run, []).append(tag)
        return found

    def change(self, identifiers: Sequence[str], add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Give tags to runs, and take others away from them; what has commas is several tags.

        Raises:
            UserError: a tag is empty or longer than `MOST_TAG` characters.
        """
        add = [" ".join(tag.split()) for tags in add for tag in tags.split(",")]
        if any(not 1 <= len(tag) <= MOST_TAG for tag in add):
            raise UserError(f"A tag must have 1 to {MOST_TAG} characters.")
        with self.writing() as connection:
            for sql, tags in (
                ("INSERT OR IGNORE INTO tags VALUES (?, ?)", add),
                ("DELETE FROM tags WHERE run = ? AND tag = ?", remove),
            ):
                connection.executemany(sql, [(each, tag) for each in identifiers for tag in tags])
