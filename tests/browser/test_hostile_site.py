"""Sites, names and files that mean harm, against a real server with a real browser."""

import http.client
import http.server
import re
import socket
import threading

import psutil
import pytest
from playwright.sync_api import Error, expect

from app.shell.navigation import SECTIONS
from engine.notebook.cells import Content
from engine.notebook.store import Notebooks
from engine.runs.store import Store
from tests.browser.conftest import FLAGS, Server, chromium
from tests.browser.driving import open_page, query, settled
from tests.engine.data.test_cases import REFUSED, parquet_bombs

pytestmark = pytest.mark.browser


def status(server, host, origin, path="/_stcore/stream", method="GET"):
    """With which status the server answers a WebSocket (or plain) request with these headers; None leaves one out."""
    lines = [f"{method} {path} HTTP/1.1", *([f"Host: {host}"] if host is not None else [])]
    lines += [f"Origin: {origin}"] if origin is not None else []
    if path == "/_stcore/stream":
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    else:
        lines += ["Content-Length: 0", "Connection: close"]
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as opened:
        opened.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(opened.recv(200).split()[1])


def test_only_pages_of_this_very_server_may_talk_to_it(server):
    port = server.port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", f"LOCALHOST:{port}"):
        assert status(server, host, f"http://{host}") == 101, host
    for host, origin in (
        (f"evil.example:{port}", f"http://evil.example:{port}"),  # DNS rebinding: both are the site's own.
        (f"evil.example:{port}", None),
        (f"127.0.0.1.evil.example:{port}", f"http://127.0.0.1.evil.example:{port}"),
        (f"localhost.evil.example:{port}", None),
        (f"evil.example@127.0.0.1:{port}", None),
        (f"127.0.0.1:{port}/x", None),
        ("", None),
        (f"127.0.0.1:{port}", "http://localhost:9999"),
        (f"127.0.0.1:{port}", f"http://localhost:{port}"),
        (f"localhost:{port}", "http://localhost:9999"),
        (f"127.0.0.1:{port}", "http://evil.example"),
        (f"127.0.0.1:{port}", "null"),
        (f"127.0.0.1:{port}", f"file://127.0.0.1:{port}"),
        (f"127.0.0.1:{port}", ""),
    ):
        assert status(server, host, origin) in (400, 403), (host, origin)
        for method in ("GET", "PUT", "POST", "DELETE"):
            path = "/_stcore/upload_file/session/file" if method != "GET" else "/"
            assert status(server, host, origin, path, method) in (400, 403), (host, origin, method)


def test_opened_to_a_class_on_purpose_it_answers_to_that_name_and_no_other(tmp_path):
    """As `make run ADDRESS=0.0.0.0 HOSTS=class.example` starts it."""
    hosts = [
        word for host in ("127.0.0.1", "localhost", "::1", "class.example") for word in ("--server.allowedHosts", host)
    ]
    (tmp_path / "served").mkdir()
    opened = Server(tmp_path / "served" / "home", "--server.address", "0.0.0.0", *hosts).start()
    try:
        for name, wanted in (
            ("class.example", 101),
            ("127.0.0.1", 101),
            ("evil.example", 403),
            ("xclass.example", 403),
        ):
            host = f"{name}:{opened.port}"
            assert status(opened, host, f"http://{host}") == wanted, name
        assert status(opened, f"class.example:{opened.port}", "http://evil.example") == 403
        assert status(opened, f"class.example:{opened.port}", "http://class.example:1") == 403
    finally:
        opened.stop()


@pytest.mark.parametrize("path", ["/", "/train", "/_stcore/health", "/static/none.js", "/_stcore/host-config"])
def test_every_answer_forbids_frames_and_fetches_from_elsewhere(server, path):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    policy = answer.getheader("Content-Security-Policy")
    assert "frame-ancestors 'none'" in policy and "default-src 'self'" in policy
    assert "http:" not in policy and "https:" not in policy and "*" not in policy
    assert answer.getheader("X-Frame-Options") == "DENY"


class Site:
    """A web server of somebody else's, that notes what it is asked for."""

    def __init__(self, body=b""):
        self.asked, site = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(site.body)

            def log_message(self, *_):
                pass

        self.body = body
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://localhost:{self.server.server_address[1]}"


@pytest.fixture
def site():
    started = Site()
    yield started
    started.server.shutdown()


def test_a_name_that_was_made_to_point_here_gets_nothing(server, browser, monkeypatch):
    monkeypatch.setenv("DELTABOOK_HOME", str(server.home))
    rules = "--host-resolver-rules=MAP evil.example 127.0.0.1, MAP *.rebound.example 127.0.0.1"
    hostile = browser.browser_type.launch(executable_path=chromium(), headless=True, args=[*FLAGS, rules])
    try:
        page = hostile.new_context().new_page()
        for name in ("evil.example", "a.rebound.example"):
            answer = page.goto(f"http://{name}:{server.port}/train")
            assert answer.status == 403
            assert "not Deltabook's own" in page.inner_text("body")
            opened = page.evaluate(
                "() => new Promise(done => { const s = new WebSocket(`ws://${location.host}/_stcore/stream`);"
                " s.onopen = () => done('open'); s.onerror = () => done('refused') })"
            )
            assert opened == "refused"
        page = hostile.new_context().new_page()  # The same browser, under the server's own name.
        page.goto(f"http://localhost:{server.port}/train")
        expect(page.get_by_role("button", name="Start training")).to_be_visible(timeout=60_000)
    finally:
        hostile.close()
    assert Store().all() == []


def test_a_page_on_another_port_can_neither_talk_nor_frame_nor_upload(server, site, page):
    site.body = f"""<!doctype html><iframe id=framed src="{server.url}/train"></iframe><script>
    const s = new WebSocket("ws://127.0.0.1:{server.port}/_stcore/stream");
    s.onopen = () => window.socket = "open"; s.onerror = () => window.socket = "refused";
    fetch("{server.url}/_stcore/upload_file/a/b", {{method: "PUT", body: "x", mode: "no-cors"}})
      .then(() => window.put = "sent").catch(() => window.put = "refused");
    fetch("{server.url}/_stcore/health").then(() => window.read = "read").catch(() => window.read = "refused");
    </script>""".encode()
    page.goto(site.url)
    page.wait_for_function("window.socket && window.put && window.read")
    assert page.evaluate("[window.socket, window.put, window.read]") == ["refused", "refused", "refused"]
    frame = page.frames[-1]
    try:
        shown = frame.inner_text("body", timeout=2000)
    except Error:
        shown = ""
    assert "Train" not in shown


PAGES = [page[0] for pages in SECTIONS.values() for page in pages]


@pytest.mark.parametrize("name", [name for name in PAGES if name not in ("electra", "macbert")])
def test_no_page_fetches_anything_from_elsewhere(server, page, small, sentences, name):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda opened: asked.append(opened.url.replace("ws://", "http://")))
    open_page(page, server, f"{'' if name == 'home' else name}?{query(small, sentences)}")
    assert len(asked) > 5
    assert [url for url in asked if not url.startswith((f"{server.url}/", "data:", "blob:"))] == []


def test_pictures_in_notes_are_links_and_nothing_is_fetched_for_them(server, site, page, monkeypatch):
    monkeypatch.setenv("DELTABOOK_HOME", str(server.home))
    note = f"Look: ![seen]({site.url}/a.png) ![by ref][r] <img src='{site.url}/b.png'>\n\n[r]: {site.url}/c.png\n\n```\n![code](x)\n```"
    figure = {
        "kind": "figure", "data": [],
        "layout": {"images": [{"source": f"{site.url}/d.png", "x": 0, "y": 1, "sizex": 1, "sizey": 1}]},
    }  # fmt: skip
    made = Notebooks().create(
        "pictures", [Content(note=note, answer=f"![]({site.url}/e.png)"), Content(note="f", shown=figure)]
    )
    failed = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    open_page(page, server, f"notebook?notebook={made.id}")
    expect(page.get_by_role("link", name="seen")).to_be_visible()
    expect(page.get_by_text("![code](x)")).to_be_visible()
    page.get_by_text("Answer").click()
    expect(page.get_by_role("link", name="picture")).to_be_visible()
    settled(page)
    assert site.asked == []


def test_a_link_to_a_lesson_asks_before_it_makes_anything(server, page, monkeypatch):
    monkeypatch.setenv("DELTABOOK_HOME", str(server.home))
    before = len(Notebooks().all())
    from app.notebook.lessons import titles

    name = next(iter(titles()))
    open_page(page, server, f"notebook?lesson={name}")
    expect(page.get_by_role("button", name="Open this lesson")).to_be_visible()
    page.reload()
    settled(page)
    assert len(Notebooks().all()) == before
    page.get_by_role("button", name="Open this lesson").click()
    expect(page).not_to_have_url(re.compile("lesson="), timeout=120_000)
    expect(page.get_by_role("heading", name=titles()[name])).to_be_visible(timeout=120_000)
    expect(page.get_by_role("button", name="Run all")).to_be_visible(timeout=120_000)
    assert len(Notebooks().all()) == before + 1


def test_uploads_that_would_fill_the_memory_leave_the_server_as_it_was(server, page, tmp_path):
    bombs = parquet_bombs(tmp_path)
    for name in ("many_keys.jsonl", "wide.csv", "deep.jsonl"):
        (tmp_path / name).write_text(REFUSED[name][0])
    bombs += [tmp_path / name for name in ("many_keys.jsonl", "wide.csv", "deep.jsonl")]
    open_page(page, server, "train")
    process = psutil.Process(server.process.pid)
    start, most = process.memory_info().rss, 0
    watching = threading.Event()

    def watch():
        nonlocal most
        while not watching.wait(0.02):
            most = max(most, process.memory_info().rss)

    threading.Thread(target=watch, daemon=True).start()
    for bomb in bombs:
        page.locator('input[type="file"]').first.set_input_files(str(bomb))
        expect(page.get_by_test_id("stAlert").filter(has_text=bomb.stem.split("_")[0]).first).to_be_visible(
            timeout=15_000
        )
        settled(page)
        page.reload()  # The next one goes into an empty box.
        settled(page)
    watching.set()
    assert most - start < 500 * 2**20, (most - start) / 2**20
    assert not list((server.home / "uploads").glob("*.*"))
