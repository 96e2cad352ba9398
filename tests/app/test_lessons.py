"""The lessons: every cell is one that can be run, every question has its answer."""

import time

import pytest

from app.notebook.export.html import markdown
from app.notebook.export.jupyter import from_ipynb, to_ipynb
from app.notebook.lessons import lesson, teachers_notes, titles
from app.views import draw, view_of
from engine.catalogue import analyse, analysis_of, load

LESSONS = list(titles())


def test_there_are_six():
    assert len(LESSONS) == 6


@pytest.mark.parametrize("name", LESSONS)
def test_cells_questions_and_formulas(name):
    title, contents = lesson(name)
    assert title and title == titles()[name]
    assert sum(content.spec is not None for content in contents) >= 3
    questions = [content for content in contents if content.note.startswith("**Question.**")]
    assert len(questions) >= 2 and all(content.answer for content in questions)
    assert [content for content in contents if content.answer and content not in questions] == []
    for content in contents:
        made = markdown(content.note + content.answer)
        assert "<code>\\" not in made  # A formula that could not be set would stand there as its source.
        assert "$" not in made
        if content.spec is not None:
            view_of(content.spec.analysis, content.spec.view)
            analysis_of(content.spec.analysis).Settings.checked(content.spec.values)
    assert any("<math" in markdown(content.note) for content in contents)


@pytest.mark.parametrize("name", LESSONS)
def test_teachers_have_notes_and_students_notebooks_have_none_of_them(name):
    notes = teachers_notes(name)
    assert all(part in notes for part in ("**Time**", "**Before**", "**What is often misunderstood.**"))
    assert "<code>\\" not in markdown(notes) and "$" not in markdown(notes)
    made = to_ipynb(*lesson(name)).decode()
    assert "misunderstood" not in made and "**Before**" not in made
    assert from_ipynb(made.encode()) == lesson(name)


@pytest.mark.alone
@pytest.mark.long(short=2, full=6)  # The third takes as long as the first two together.
@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_computes_in_under_two_minutes(name, amount):
    if name not in LESSONS[:amount]:
        pytest.skip("with --long")
    began = time.monotonic()
    for content in lesson(name)[1]:
        if content.spec is not None:
            spec = content.spec
            results = {
                key: analyse(spec.analysis, load(spec.analysis, reference), **spec.values)
                for key, reference in spec.subjects.items()
            }
            several = view_of(spec.analysis, spec.view).several
            shown = draw(spec.analysis, spec.view, results if several else results[""], **spec.options)
            assert not shown.table().empty
    assert time.monotonic() - began < 120
