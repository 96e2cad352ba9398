"""A class: who has joined, what is on everybody's screen, what is asked, and what was predicted. All of it is in the database."""

import hmac
import json
import secrets
import sqlite3
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any, Literal

from engine.database import Database
from engine.errors import UserError

LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # None that is read as another one.
CODE = 6
MOST_STUDENTS = 300
MOST_NAME = 40
HERE = 15.0  # Seconds after its last sign within which a student counts as here.

Kind = Literal["token", "flip", "smoother"]
# A question is open; its distribution is shown; its answer is.
STAGES = ("open", "closed", "revealed")


@dataclass(frozen=True)
class Class:
    """A class that is open.

    Attributes:
        screen: what students see when they follow: plain values, {} for nothing yet.
    """

    id: int
    code: str
    screen: dict[str, Any]


@dataclass(frozen=True)
class Student:
    """One who has joined. `here`: whether the page is open."""

    id: str
    name: str
    here: bool


@dataclass(frozen=True)
class Question:
    """What the class predicts.

    Attributes:
        asked: what it is about: the sentence, the method, the choices. stage: one of `STAGES`. answer: once it is revealed.
        predictions: student → value, as they were given.
    """

    id: int
    kind: Kind
    asked: dict[str, Any]
    stage: str
    answer: Any = None
    predictions: dict[str, Any] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether its answer is still to come."""
        return self.stage != STAGES[-1]

    @property
    def hides_strips(self) -> bool:
        """Whether the strip that it asks about would give its answer away."""
        return self.is_open and self.kind != "smoother"


class Classroom(Database):
    """The class that is open, if there is one. Cheap to make."""

    def open(self) -> Class:
        """Open a class with a new code; the one before is closed."""
        code = "".join(secrets.choice(LETTERS) for _ in range(CODE))
        with self.writing() as connection:
            connection.execute("UPDATE classes SET closed = ? WHERE closed IS NULL", (time.time(),))
            connection.execute("INSERT INTO classes (code, opened) VALUES (?, ?)", (code, time.time()))
        return self._current()

    def close(self) -> None:
        """Close it: nobody can join, and whoever has joined sees nothing more."""
        with self.writing() as connection:
            connection.execute("UPDATE classes SET closed = ? WHERE closed IS NULL", (time.time(),))

    def current(self) -> Class | None:
        """The class that is open; None if none is."""
        with self.reading() as connection:
            row = connection.execute(
                "SELECT id, code, screen FROM classes WHERE closed IS NULL ORDER BY id DESC LIMIT 1"
            ).fetchone()
        return None if row is None else Class(row["id"], row["code"], json.loads(row["screen"]))

    def shown(self) -> str:
        """A few letters that change whenever what students are shown does: the screen, the question, its stage."""
        with self.reading() as connection:
            row = connection.execute(
                "SELECT classes.id, screen, questions.id, stage FROM classes LEFT JOIN questions ON class = classes.id"
                " WHERE closed IS NULL ORDER BY classes.id DESC, questions.id DESC LIMIT 1"
            ).fetchone()
        return f"{zlib.crc32(repr(tuple(row or ())).encode()):08x}"

    def _current(self) -> Class:
        found = self.current()
        if found is None:
            raise UserError("No class is open. The teacher opens one on the page Class.")
        return found

    def show(self, screen: Mapping[str, Any]) -> None:
        """Put something on the screens of those who follow; nothing happens if no class is open."""
        text = json.dumps(dict(screen), ensure_ascii=False, sort_keys=True)
        with self.writing() as connection:
            connection.execute("UPDATE classes SET screen = ? WHERE closed IS NULL", (text,))

    def join(self, code: str, name: str) -> str:
        """Join the class; returns the student's secret name, which a cookie holds.

        Raises:
            UserError: a wrong code, no name, or the class is full.
        """
        name = " ".join(name.split())
        if not 1 <= len(name) <= MOST_NAME:
            raise UserError(f"Your name must have 1 to {MOST_NAME} characters.")
        found = self.current()
        given = "".join(letter for letter in code.upper() if letter.isalnum())
        if found is None or not hmac.compare_digest(given.encode(), found.code.encode()):
            raise UserError("This is not the code of a class that is open. Ask your teacher for it.")
        student, now = secrets.token_urlsafe(24), time.time()
        with self.writing() as connection:
            taken = [row[0] for row in connection.execute("SELECT name FROM students WHERE class = ?", (found.id,))]
            if len(taken) >= MOST_STUDENTS:
                raise UserError(f"The class is full: {MOST_STUDENTS} have joined it.")
            name = _free(name, taken)
            connection.execute("INSERT INTO students VALUES (?, ?, ?, ?, ?)", (student, found.id, name, now, now))
        return student

    def has(self, student: str) -> bool:
        """Whether somebody of that secret name has joined the class that is open."""
        with self.reading() as connection:
            row = connection.execute(
                "SELECT 1 FROM students JOIN classes ON classes.id = students.class WHERE students.id = ? AND closed IS NULL",
                (student,),
            ).fetchone()
        return row is not None

    def seen(self, student: str) -> None:
        """Note that a student's page is open."""
        with self.writing() as connection:
            connection.execute("UPDATE students SET seen = ? WHERE id = ?", (time.time(), student))

    def students(self) -> list[Student]:
        """Who has joined, in that order."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT students.id, name, seen FROM students JOIN classes ON classes.id = class WHERE closed IS NULL ORDER BY joined"
            ).fetchall()
        return [Student(row["id"], row["name"], time.time() - row["seen"] < HERE) for row in rows]

    def ask(self, kind: Kind, asked: Mapping[str, Any]) -> Question:
        """Ask the class something; the question before is over."""
        found = self._current()
        with self.writing() as connection:
            connection.execute(
                "INSERT INTO questions (class, kind, asked, stage, made) VALUES (?, ?, ?, ?, ?)",
                (found.id, kind, json.dumps(dict(asked), ensure_ascii=False), STAGES[0], time.time()),
            )
        question = self.question()
        assert question is not None
        return question

    def question(self) -> Question | None:
        """The last question of the class that is open, with its predictions; None if nothing is asked."""
        with self.reading() as connection:
            row = connection.execute(
                "SELECT questions.* FROM questions JOIN classes ON classes.id = class WHERE closed IS NULL ORDER BY questions.id DESC"
                " LIMIT 1"
            ).fetchone()
            if row is None or row["stage"] == "over":
                return None
            given = connection.execute("SELECT student, value FROM predictions WHERE question = ?", (row["id"],))
            predictions = {each["student"]: json.loads(each["value"]) for each in given}
        answer = None if row["answer"] is None else json.loads(row["answer"])
        return Question(row["id"], row["kind"], json.loads(row["asked"]), row["stage"], answer, predictions)

    def predict(self, question: int, student: str, value: Any) -> None:
        """Commit a prediction.

        Raises:
            UserError: the question is no longer open, or this student has committed.
        """
        with self.writing() as connection:
            row = connection.execute("SELECT stage FROM questions WHERE id = ?", (question,)).fetchone()
            if row is None or row["stage"] != STAGES[0]:
                raise UserError("The question is closed: predictions are no longer taken.")
            try:
                connection.execute(
                    "INSERT INTO predictions VALUES (?, ?, ?, ?)", (question, student, json.dumps(value), time.time())
                )
            except sqlite3.IntegrityError:
                raise UserError("You have committed to a prediction: it stands.") from None

    def advance(self, question: int, stage: str, answer: Any = None) -> None:
        """Close a question (its distribution is shown), reveal its answer, or end it (`over`)."""
        with self.writing() as connection:
            connection.execute(
                "UPDATE questions SET stage = ?, answer = ? WHERE id = ?",
                (stage, None if answer is None else json.dumps(answer), question),
            )


def _free(name: str, taken: Sequence[str]) -> str:
    """The name, with a number where others of the class are called so: Ann, Ann (2), Ann (3), …"""
    others = (f"{name} ({number})" for number in count(2))
    return next(each for each in chain([name], others) if each not in taken)
