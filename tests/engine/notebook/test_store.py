"""Notebooks in the database: everything written at once, nothing lost."""

import sqlite3
import threading

import pytest

from engine.database import RUNS
from engine.errors import UserError
from engine.notebook.cells import Content, Spec, content_from
from engine.notebook.store import Notebooks
from engine.runs.config import TrainConfig
from engine.runs.store import Store


def notes(notebook):
    return [cell.content.note for cell in Notebooks().cells(notebook)]


@pytest.fixture
def three():
    return Notebooks().create("  A   name ", [Content(note=note) for note in "abc"])


def test_what_is_written_is_there_again(three):
    spec = Spec(
        analysis="trace", view="loss", subjects={"": "minilm"}, values={"text": "a", "settings": {"epsilon": None}}
    )
    content = Content(
        note="$x$", answer="y", spec=spec, shown={"kind": "table", "rows": [[None]]}, facts={"seconds": 1.5}
    )
    made = Notebooks().add(three.id, content)
    assert Notebooks().cell(made.id).content == content
    assert three.name == "A name"
    assert notes(three.id) == ["a", "b", "c", "$x$"]


def test_order_copies_and_undo(three):
    store = Notebooks()
    a, b, c = (cell.id for cell in store.cells(three.id))
    store.move(c, 1)
    assert notes(three.id) == ["a", "c", "b"]
    store.move(a, -1)  # Already the first.
    store.move(b, 9)  # Already the last.
    assert notes(three.id) == ["a", "c", "b"]
    store.add(three.id, Content(note="after a"), after=a)
    store.add(three.id, Content(note="after b"), after=b)
    assert notes(three.id) == ["a", "after a", "c", "b", "after b"]
    store.delete_cell(c)
    store.delete_cell(a)
    assert notes(three.id) == ["after a", "b", "after b"] and store.deleted_cells(three.id) == 2
    assert store.undelete_cell(three.id) == a
    assert store.undelete_cell(three.id) == c
    assert store.undelete_cell(three.id) is None
    assert notes(three.id) == ["a", "after a", "c", "b", "after b"]
    copy = store.duplicate(three.id)
    assert copy.name == "A name (copy)" and notes(copy.id) == notes(three.id)
    store.delete(three.id)
    assert [each.id for each in store.all()] == [copy.id]
    with pytest.raises(UserError, match="no notebook"):
        store.get(three.id)
    assert store.deleted() == 1
    assert store.undelete().id == three.id
    assert store.deleted() == 0
    assert store.undelete() is None
    assert notes(three.id) == notes(copy.id)


def test_bad_names_and_cells_are_refused(three):
    for name in ("", "   ", "x" * 121):
        with pytest.raises(UserError, match="1 to 120"):
            Notebooks().rename(three.id, name)
    for document in (
        {"note": 1}, {"other": 1}, [], {"spec": {"analysis": "a"}}, {"note": "x" * 200_000},
        {"spec": {"analysis": "a", "view": "b", "subjects": {"": 1}}},
    ):  # fmt: skip
        with pytest.raises(UserError, match="not a cell"):
            content_from(document)


def test_several_writers_lose_nothing(three):
    def write(number):
        for place in range(10):
            Notebooks().add(three.id, Content(note=f"{number} {place}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = notes(three.id)[3:]
    assert sorted(found) == sorted(f"{number} {place}" for number in range(4) for place in range(10))
    for number in range(4):
        assert [note for note in found if note.startswith(str(number))] == [f"{number} {place}" for place in range(10)]


def test_a_database_of_before_there_were_notebooks_gets_them_and_keeps_its_runs():
    path = Store().path
    connection = sqlite3.connect(path)
    connection.executescript(f"{RUNS} PRAGMA user_version=1;")
    connection.execute("INSERT INTO runs (id, name, config, status, created) VALUES ('r', 'old', '{}', 'completed', 1)")
    connection.commit()
    connection.close()
    assert [run.name for run in Store().all()] == ["old"]
    assert Notebooks().create("new").cells == 0
    Store().create(TrainConfig.build({"method": "pgd"}).as_dict())
    assert len(Store().all()) == 2
