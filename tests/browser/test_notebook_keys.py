"""A notebook by the keyboard, as in Jupyter; cells that are folded and dragged; the same note in two windows."""

import re

import pytest
from playwright.sync_api import expect

from engine.notebook.cells import Content
from engine.notebook.store import Notebooks
from tests.browser.driving import open_page, settled

pytestmark = pytest.mark.browser
NOTES = ("# The *first*", "the second", "the third")


@pytest.fixture
def notebook(page, own_server, monkeypatch):
    """A notebook of three notes, opened."""
    monkeypatch.setenv("DELTABOOK_HOME", str(own_server.home))
    made = Notebooks().create("By hand", [Content(note=note) for note in NOTES])
    open_page(page, own_server, f"notebook?notebook={made.id}")
    return made.id


def notes(notebook):
    return [cell.content.note for cell in Notebooks().cells(notebook)]


def becomes(page, notebook, wanted):
    for _ in range(300):
        if notes(notebook) == wanted:
            return settled(page)
        page.wait_for_timeout(100)
    raise AssertionError(notes(notebook))


def box(page, text):
    return page.locator("[class*=st-key-cell-]").filter(has_text=text)


def choose(page, text):
    """Click a cell until it is outlined: cells are drawn before their keys are listened for."""
    for _ in range(100):
        box(page, text).click(position={"x": 4, "y": 4})
        if box(page, text).evaluate("it => getComputedStyle(it).outlineStyle") == "solid":
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{text}: not chosen")


def test_keys_as_in_jupyter(page, notebook):
    first, second, third = NOTES
    choose(page, "The first")
    page.keyboard.press("j")
    page.keyboard.press("a")  # A note above the second.
    expect(page.locator("textarea")).to_be_focused()
    page.keyboard.type("d d a b")  # Letters in a field are letters.
    page.keyboard.press("Escape")
    becomes(page, notebook, [first, "d d a b", second, third])
    expect(page.locator("textarea")).to_have_count(0)
    page.keyboard.press("d")
    page.keyboard.press("d")
    becomes(page, notebook, [first, second, third])
    page.keyboard.press("z")
    becomes(page, notebook, [first, "d d a b", second, third])
    page.keyboard.press("Control+Shift+ArrowUp")
    becomes(page, notebook, ["d d a b", first, second, third])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("textarea")).to_have_value(first)


def test_a_folded_cell_shows_its_first_line_in_every_window(page, notebook):
    store = Notebooks()
    long = store.cells(notebook)[1].id
    store.write_note(long, "**To be** folded\n\nand not seen", was=NOTES[1])
    page.reload()
    settled(page)
    expect(page.get_by_text("and not seen")).to_be_visible()
    box(page, "To be folded").get_by_role("button", name="Fold").click()
    expect(page.get_by_text("and not seen")).to_have_count(0)
    expect(page.get_by_text("To be folded …")).to_be_visible()
    page.reload()
    settled(page)
    expect(page.get_by_text("and not seen")).to_have_count(0)
    box(page, "To be folded").get_by_role("button", name="Unfold").click()
    expect(page.get_by_text("and not seen")).to_be_visible()


def test_a_cell_is_dragged(page, notebook):
    first, second, third = NOTES
    grip = box(page, "The first").locator(".deltabook-grip").bounding_box()
    below = box(page, third).bounding_box()
    page.mouse.move(grip["x"] + 3, grip["y"] + 3)
    page.mouse.down()
    page.mouse.move(below["x"] + 50, below["y"], steps=4)
    page.mouse.move(below["x"] + 50, below["y"] + below["height"] - 2, steps=4)
    page.mouse.up()
    becomes(page, notebook, [second, third, first])


@pytest.mark.parametrize("leave", ["Escape", "Tab"])
def test_a_note_that_two_windows_change_is_kept_twice(page, notebook, leave):
    box(page, NOTES[1]).get_by_role("button", name="Edit the note").click()
    expect(page.locator("textarea")).to_have_value(NOTES[1])
    cell = Notebooks().cells(notebook)[1].id
    Notebooks().write_note(cell, "from elsewhere", was=NOTES[1])
    page.locator("textarea").fill("from here")
    page.keyboard.press(leave)
    expect(page.get_by_text(re.compile("changed in another window"))).to_be_visible()
    both = "from elsewhere\n\n---\n\nfrom here"
    page.wait_for_timeout(2000)
    assert notes(notebook)[1] == both
    if leave == "Tab":  # The field is still there, and is that of both.
        expect(page.locator("textarea")).to_have_value(both)
        page.locator("textarea").fill(f"{both} and on")
        page.keyboard.press("Escape")
        becomes(page, notebook, [NOTES[0], f"{both} and on", NOTES[2]])


def test_what_is_written_into_a_note_that_was_deleted_comes_back_with_it(page, notebook):
    box(page, NOTES[1]).get_by_role("button", name="Edit the note").click()
    expect(page.locator("textarea")).to_have_value(NOTES[1])
    Notebooks().delete_cell(Notebooks().cells(notebook)[1].id)
    page.locator("textarea").fill("too late")
    page.keyboard.press("Escape")
    expect(page.get_by_text(re.compile("deleted in another window"))).to_be_visible()
    page.get_by_role("button", name="Undo", exact=True).click()
    becomes(page, notebook, [NOTES[0], "too late", NOTES[2]])


def test_what_is_typed_at_once_after_a_key_is_no_command_and_no_other_field_loses_the_focus(page, notebook):
    choose(page, NOTES[2])
    page.keyboard.press("a")
    page.keyboard.type("dd", delay=20)  # Before the field is there.
    expect(page.locator("textarea")).to_be_focused()
    page.keyboard.type("mine")
    page.keyboard.press("Shift+Enter")
    becomes(page, notebook, [NOTES[0], NOTES[1], "mine", NOTES[2]])
    page.keyboard.press("b")
    expect(page.locator("textarea")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    page.get_by_role("button", name="Notebook", exact=True).last.click()
    page.get_by_label("Name", exact=True).click()
    page.wait_for_timeout(1500)
    expect(page.get_by_label("Name", exact=True)).to_be_focused()


def test_keys_do_nothing_where_no_cell_is_chosen_or_something_else_is_written_in(page, notebook):
    page.keyboard.press("d")
    page.keyboard.press("d")
    choose(page, "The first")
    page.get_by_role("heading", name="By hand").click()
    page.keyboard.press("d")
    page.keyboard.press("d")
    choose(page, "The first")
    page.get_by_role("button", name="Notebook", exact=True).last.click()
    page.get_by_label("Name", exact=True).click()
    page.keyboard.type("dd ab")
    page.keyboard.press("Escape")
    page.wait_for_timeout(1500)
    assert notes(notebook) == list(NOTES)
