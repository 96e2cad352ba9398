"""What a server on 127.0.0.1 must not do for others: pages of other sites, files with names or content made to harm."""

import http.client
import io
import socket
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from app.widgets import uploads
from engine.data import rawtable
from engine.data.files import load_file
from engine.errors import UserError
from engine.home import home
from engine.tables import as_csv

pytestmark = pytest.mark.browser


def test_it_listens_on_this_machine_alone(server):
    listening = [c.laddr.ip for c in psutil.Process(server.process.pid).net_connections("tcp") if c.status == "LISTEN"]
    assert set(listening) == {"127.0.0.1"}


def handshake(server, origin, host="127.0.0.1"):
    """The status with which the app's WebSocket answers a page of that origin."""
    request = (
        "GET /_stcore/stream HTTP/1.1\r\n"
        f"Host: {host}:{server.port}\r\nOrigin: {origin}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.create_connection((host, server.port), timeout=20) as opened:
        opened.sendall(request.encode())
        return int(opened.recv(200).split()[1])


def test_a_page_of_another_site_cannot_talk_to_the_app(server):
    assert handshake(server, server.url) == 101
    for origin in ("http://evil.example", "https://evil.example:8501", "null"):
        assert handshake(server, origin) == 403


def test_a_page_of_another_site_cannot_upload(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request(
        "PUT", "/_stcore/upload_file/session/file", b"sentence,label\n", {"Origin": "http://evil.example"}
    )
    answer = connection.getresponse()
    assert answer.status in (400, 403)
    assert answer.getheader("Access-Control-Allow-Origin") in (None, server.url)


ROWS = "sentence,label\n" + "".join(f"film number {place},{place % 2}\n" for place in range(80))


@pytest.mark.parametrize(
    "name", ["../../evil.csv", "/etc/evil.csv", "..\\evil.csv", "a/../../b.csv", "\0.csv", "x" * 5000 + ".csv"]
)
def test_the_name_of_an_upload_leads_nowhere(name):
    kept = uploads.keep(name, ROWS.encode())
    assert kept.parent == home() / "uploads" and kept.read_text() == ROWS
    assert [each.name for each in home().iterdir()] == ["uploads"]


def test_an_upload_that_is_no_data_set_or_too_large_leaves_nothing(monkeypatch):
    for name, content in (
        ("evil.pkl", b"cos\nsystem\n"),
        ("evil.csv", b"\0\0\0"),
        ("evil.parquet", b"PAR1 not really"),
    ):
        with pytest.raises(UserError):
            uploads.keep(name, content)
    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(UserError, match="No space left"):
            uploads.keep("good.csv", ROWS.encode())
    monkeypatch.setattr(uploads, "MOST_BYTES", 100)
    with pytest.raises(UserError, match="at most 0 MB"):
        uploads.keep("large.csv", ROWS.encode())
    assert not list((home() / "uploads").glob("*"))


def test_a_small_parquet_file_that_unpacks_to_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.parquet"
    pd.DataFrame({"sentence": np.repeat(["x" * 100_000], 3000), "label": np.arange(3000) % 2}).to_parquet(path)
    assert path.stat().st_size < 500_000
    monkeypatch.setattr(rawtable, "MOST_BYTES", 50_000_000)
    before = psutil.Process().memory_info().rss
    with pytest.raises(UserError, match="unpacks to more than"):
        load_file(path)
    assert psutil.Process().memory_info().rss - before < 250_000_000  # It holds 300 MB.


def test_a_zip_is_not_a_data_file():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("train.csv", ROWS * 1000)
    for name in ("train.zip", "train.csv", "train.jsonl"):
        with pytest.raises(UserError):
            uploads.keep(name, packed.getvalue())


def test_no_cell_of_a_csv_is_a_formula():
    table = pd.DataFrame({"=1+1": ["=HYPERLINK(0)", "+1", "-2", "@x", "\t=1", "fine"], "n": [-1.0, 2, 3, 4, 5, 6]})
    read = pd.read_csv(io.StringIO(as_csv(table)))
    assert list(read.columns) == ["'=1+1", "n"]
    assert list(read.iloc[:, 0]) == ["'=HYPERLINK(0)", "'+1", "'-2", "'@x", "'\t=1", "fine"]
    assert read["n"].tolist() == [-1, 2, 3, 4, 5, 6]
