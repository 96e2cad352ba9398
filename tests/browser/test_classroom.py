"""A class: one teacher and five students in browsers, thirty on WebSockets, and what students must not be able to do."""

import http.client
import re
import threading
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from app.shell.door import COOKIE, SHOWN, TRIES
from benchmarks.classroom import measure
from engine.classroom import Classroom
from tests.browser.conftest import class_server, own_address
from tests.browser.driving import barriers, open_page, settled
from tests.browser.test_security import handshake

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(own_address() is None, reason="this machine has no network address but its own"),
]


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """A server for a class, and the address that students use."""
    server, url = class_server(tmp_path_factory.mktemp("class") / "home")
    yield server, url
    server.stop()


@pytest.fixture
def room(school, monkeypatch):
    """The class's own database."""
    monkeypatch.setenv("DELTABOOK_HOME", str(school[0].home))
    return Classroom()


def asked(url, method, path, body=None, **headers):
    """A request as a student's machine would send it."""
    host = url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.request(method, path, body, {"Origin": url, **headers})
    answer = connection.getresponse()
    return answer.status, answer.read().decode("utf-8", "replace"), answer.getheader("Set-Cookie")


def joined(browser, url, code, name):
    page = browser.new_context(viewport={"width": 420, "height": 860}).new_page()
    page.goto(url)
    page.get_by_label("The code on the screen").fill(code.lower())
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Join").click()
    settled(page)
    return page


def test_students_of_one_name_can_be_told_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("DELTABOOK_HOME", str(tmp_path))
    class_ = Classroom()
    code = class_.open().code
    for name in ("Ann", " Ann ", "Bob", "Ann", "Ann (2)"):
        class_.join(code, name)
    assert sorted(each.name for each in class_.students()) == ["Ann", "Ann (2)", "Ann (2) (2)", "Ann (3)", "Bob"]


@pytest.mark.alone
def test_a_teacher_and_five_students_predict_and_reveal(page, browser, school, small):
    server, url = school
    open_page(page, server, f"classroom?of={small}&text=a+dull+but+good+film")
    page.get_by_role("button", name="Open a class").click()
    code = page.get_by_text(re.compile(r"^[A-Z2-9]{6}$"))
    expect(code).to_be_visible()
    names = ["Ada", "Bo <b>", "Chen", "Dina", "Emil"]
    students = [joined(browser, url, code.inner_text(), name) for name in names]
    for each in students:
        expect(each.locator("[data-token]").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("5 here, 5 joined")).to_be_visible()
    page.get_by_role("slider", name=re.compile("step", re.I)).press("ArrowLeft")
    for each in students:
        expect(each.get_by_text(re.compile(r"ascent step 2 of 3"))).to_be_visible()
    page.get_by_role("button", name="Ask the class").click()
    expect(students[0].get_by_text("Which token does PGD, ε = ")).to_be_visible()
    students[0].goto(f"{url}/perturb")  # Where the answer would be seen.
    expect(students[0].get_by_text("this page opens again with the answer")).to_be_visible()
    expect(students[0].locator("[data-token], .js-plotly-plot")).to_have_count(0)
    students[0].get_by_role("link", name="To the question").click()
    for place, each in enumerate(students):
        expect(each.get_by_text(re.compile("Which token does PGD, ε = .* move most"))).to_be_visible()
        expect(each.locator("[data-token]")).to_have_count(0)  # The strip would be the answer.
        each.get_by_test_id("stRadio").locator("label").nth(2 if place else 1).click()
        each.get_by_role("button", name="Commit").click()
        expect(each.get_by_text("You have committed to")).to_be_visible()
    expect(page.locator("[data-token]")).to_have_count(0)
    expect(page.get_by_text("5 of 5 have predicted")).to_be_visible()
    students[0].goto(f"{url}/perturb")  # Not before the answer, whoever has committed.
    expect(students[0].get_by_text("this page opens again with the answer")).to_be_visible()
    students[0].get_by_role("link", name="To the question").click()
    second = page.context.new_page()  # The teacher's second window takes nothing over, least of all now.
    open_page(second, server, f"classroom?of={small}&text=another+sentence")
    expect(students[1].get_by_text("“another sentence”")).to_have_count(0)
    page.get_by_role("button", name="Close it and show").click()
    for each in students:
        expect(each.locator(".js-plotly-plot").first).to_be_visible()
        expect(each.get_by_text("yours")).to_be_visible()
        expect(each.get_by_text("predicted it.")).to_have_count(0)
    page.get_by_role("button", name="Reveal the answer").click()
    verdict = re.compile(r"“.+” moves most. [0-5] of 5 predicted it.")
    expect(page.get_by_text(verdict)).to_be_visible()
    for each in students:
        expect(each.get_by_text(verdict)).to_be_visible()
        expect(each.get_by_text("“a dull but good film”", exact=True)).to_be_visible()
        expect(each.get_by_text("ascent step 2 of 3")).to_be_visible()
        assert not barriers(each)
    assert not barriers(page)
    second.reload()
    settled(second)
    expect(second.get_by_text("The class looks at something else")).to_be_visible()
    expect(page.get_by_text("The class looks at something else")).to_have_count(0)
    second.get_by_role("button", name="Show them this").click()
    expect(students[1].get_by_text("“another sentence”")).to_be_visible()
    second.close()
    page.get_by_text("5 here, 5 joined").click()
    expect(page.get_by_text("Bo <b>")).to_be_visible()  # A name is text.
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Close the class").click()
    page.get_by_role("button", name="Close it now").click()
    expect(page.get_by_role("button", name="Open a class")).to_be_visible()
    for each in students:  # Their pages notice by themselves.
        expect(each.get_by_text("The class that you were in is over.")).to_be_visible()
        expect(each.get_by_label("The code on the screen")).to_be_visible()
        each.context.close()


def test_a_student_sees_pages_of_one_sentence_and_nothing_of_the_runs(browser, school, room, small):
    _, url = school
    student = joined(browser, url, room.open().code, "Ada")
    links = [each.inner_text().split()[-1] for each in student.get_by_test_id("stSidebarNavLink").all()]
    assert links == ["Class", "Perturb", "Microscope", "Landscape", "Attribution"]
    for name in ("runs", "train", "notebook", "compare", "smoothness"):
        student.goto(f"{url}/{name}")
        settled(student)
        expect(student.get_by_role("heading", name="Class").first).to_be_visible()  # There is no such page.
    student.goto(f"{url}/perturb?of={small}")
    settled(student)
    expect(student.get_by_text("Classifier: minilm")).to_be_visible()  # A folder is no model of the class.
    assert student.get_by_text(str(small)).count() == 0
    student.goto(f"{url}/perturb?view=A+data+set's+examples")
    settled(student)
    expect(student.get_by_role("button", name="Numbers").first).to_be_visible(timeout=60_000)
    assert student.get_by_text("A data set's examples", exact=True).count() == 0
    assert student.get_by_role("button", name="Pin").count() == 0
    student.context.close()


def test_nobody_comes_in_without_the_code(school, room):
    server, url = school
    code = room.open().code
    assert asked(url, "GET", "/runs")[:2][0] == 200 and "Join the class" in asked(url, "GET", "/runs")[1]
    assert "Join the class" in asked(url, "GET", "/_stcore/health", Cookie=f"{COOKIE}=guessed")[1]
    assert asked(url, "GET", "/", **{"X-Deltabook-Student": "Ada"})[1].count("Join the class")
    host = url.removeprefix("http://").partition(":")[0]
    assert handshake(server, url, host) == 403
    assert handshake(server, server.url) == 101  # The teacher, at this machine.
    status, said, cookie = asked(url, "POST", "/join", urlencode({"code": "AAAAAA", "name": "<script>"}))
    assert (status, cookie) == (403, None) and "not the code" in said and "<script>" not in said
    status, _, cookie = asked(url, "POST", "/join", urlencode({"code": f" {code.lower()} ", "name": "Ada"}))
    assert status == 303 and "HttpOnly" in cookie and "SameSite=Strict" in cookie
    ticket = cookie.partition(";")[0]
    assert "Join the class" not in asked(url, "GET", "/", Cookie=ticket)[1]
    assert asked(url, "PUT", "/_stcore/upload_file/session/file", "x", Cookie=ticket)[0] == 403
    status, before, _ = asked(url, "GET", SHOWN, Cookie=ticket)
    assert status == 200 and before == room.shown()
    room.show({"step": 1})
    assert asked(url, "GET", SHOWN, Cookie=ticket)[1] not in (before, "")
    assert [each.here for each in room.students()] == [True]
    room.close()
    assert "Join the class" in asked(url, "GET", SHOWN, Cookie=ticket)[1]


def test_a_proxy_does_not_make_students_teachers_and_codes_cannot_be_guessed(school, room):
    server, url = school
    code = room.open().code
    assert "Join the class" in asked(server.url, "GET", "/", **{"X-Forwarded-For": "10.0.0.9"})[1]
    assert asked(server.url, "GET", "/", **{"X-Forwarded-For": "127.0.0.1"})[0] == 403
    wrong = [asked(url, "POST", "/join", urlencode({"code": "BBBBBB", "name": "x"}))[0] for _ in range(TRIES + 1)]
    assert wrong[-1] == 429
    assert asked(url, "POST", "/join", urlencode({"code": code, "name": "x"}))[0] == 429  # Not even the right one now.


def test_a_server_that_was_not_started_for_a_class_says_how(page, server):
    open_page(page, server, "classroom")
    expect(page.get_by_text("deltabook app --class")).to_be_visible()
    assert page.get_by_role("button", name="Open a class").count() == 0


@pytest.mark.alone
def test_thirty_students_at_once(tmp_path, small, monkeypatch):
    monkeypatch.setenv("DELTABOOK_HOME", str(tmp_path / "home"))
    found = []
    own = threading.Thread(target=lambda: found.append(measure(tmp_path / "home", 30, 2, str(small))))
    own.start()
    own.join()
    assert found and found[0].errors == []
    assert found[0].predictions == 60
    assert max(found[0].screens) < 15
