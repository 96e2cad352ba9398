"""The door of a class: whoever is not at this machine must join with the code, and gets a student's pages.

Only where the app was started for a class (`make class`, `deltabook app --class`); else everybody who reaches the server is its owner,
as the README says.
"""

import html
import os
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from app.shell.guard import Message, Receive, Send, refuse
from engine.classroom import HERE, Classroom
from engine.errors import UserError

COOKIE = "deltabook-student"
SHOWN = "/class/shown"  # Answers `Classroom.shown`, to students.
HEADER = b"x-deltabook-student"  # Set here alone: what comes in under this name is dropped.
FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip")
TRIES, MINUTE = 10, 60.0  # Wrong codes that one address may give, in so many seconds.
MOST_BODY = 4096
LASTS = 12 * 3600  # Seconds that a student stays joined.

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Join the class · Deltabook</title>
<style>
:root {{ color-scheme: light dark; font: 1.1rem/1.5 system-ui, sans-serif }}
main {{ max-width: 26rem; margin: 12vh auto; padding: 0 1rem }}
label {{ display: block; margin-top: 1rem }}
input {{ font: inherit; width: 100%; padding: .5rem; box-sizing: border-box }}
#code {{ text-transform: uppercase; letter-spacing: .3em; font-size: 1.5rem }}
button {{ font: inherit; margin-top: 1.5rem; padding: .6rem 1.4rem }}
[role=alert] {{ border-left: .3rem solid #c9562f; padding-left: .8rem }}
</style></head><body><main><h1>Join the class</h1>{said}
<form method="post" action="/join">
<label for="code">The code on the screen in front of you</label>
<input id="code" name="code" required maxlength="12" autocomplete="off" autocapitalize="characters" spellcheck="false" autofocus>
<label for="name">Your name, as your teacher will see it</label>
<input id="name" name="name" required maxlength="40" autocomplete="name" value="{name}">
<button type="submit">Join</button></form></main></body></html>"""


def is_class() -> bool:
    """Whether the app was started for a class."""
    return os.environ.get("DELTABOOK_CLASS") == "1"


class Door:
    """ASGI middleware: this machine's own browser is the teacher's, all others are students' or stay outside."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app
        self.wrong: defaultdict[str, deque[float]] = defaultdict(deque)
        self.signs: dict[str, float] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, or one WebSocket."""
        if not is_class() or scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        sent = [(name, value) for name, value in scope["headers"] if name != HEADER]
        address = str((scope.get("client") or ("",))[0])
        if address in ("127.0.0.1", "::1"):
            if any(name in FORWARDED for name, _ in sent):  # Through a proxy, students would look like the teacher.
                await refuse(scope, receive, send)
                return
            await self.app({**scope, "headers": sent}, receive, send)
            return
        student = student_of(sent)
        if student and Classroom().has(student):
            if scope["path"].startswith("/_stcore/upload_file"):
                await refuse(scope, receive, send)
                return
            if scope["path"] == SHOWN:
                self._sign(student)
                await _answer(send, 200, Classroom().shown(), kind="plain")
                return
            if scope["path"] == "/classroom":  # A student's first page, which Streamlit has at the root alone.
                await _answer(send, 303, "", [(b"location", b"/")])
                return
            await self.app({**scope, "headers": [*sent, (HEADER, student.encode("latin-1"))]}, receive, send)
        elif scope["type"] == "websocket":
            await refuse(scope, receive, send)
        elif scope["method"] == "POST" and scope["path"] == "/join":
            await self._join(address, receive, send)
        else:
            over = "The class that you were in is over." if student else ""
            await _answer(send, 200, _said(over))

    def _sign(self, student: str) -> None:
        """Note, not more often than needed, that a student is here."""
        now = time.monotonic()
        if now - self.signs.get(student, -HERE) > HERE / 3:
            Classroom().seen(student)
            self.signs[student] = now

    async def _join(self, address: str, receive: Receive, send: Send) -> None:
        tries, now = self.wrong[address], time.monotonic()
        while tries and tries[0] < now - MINUTE:
            tries.popleft()
        if len(tries) >= TRIES:
            await _answer(send, 429, _said("Too many wrong codes: wait a minute, then try again."))
            return
        given = parse_qs((await _body(receive)).decode("utf-8", "replace"))
        try:
            student = Classroom().join(given.get("code", [""])[0], given.get("name", [""])[0])
        except UserError as problem:
            tries.append(now)
            await _answer(send, 403, _said(str(problem), given.get("name", [""])[0]))
            return
        cookie = f"{COOKIE}={student}; Path=/; Max-Age={LASTS}; HttpOnly; SameSite=Strict"
        await _answer(send, 303, "", [(b"location", b"/"), (b"set-cookie", cookie.encode("latin-1"))])


def student_of(headers: list[tuple[bytes, bytes]]) -> str:
    """The secret name that a request's cookie holds; "" for none."""
    for name, value in headers:
        if name == b"cookie":
            try:
                found = SimpleCookie(value.decode("latin-1")).get(COOKIE)
            except CookieError:
                continue
            if found is not None and found.value.isascii():
                return found.value
    return ""


def _said(text: str, name: str = "") -> str:
    return PAGE.format(said=f'<p role="alert">{html.escape(text)}</p>' if text else "", name=html.escape(name[:40]))


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > MOST_BODY:
            return body[:MOST_BODY]


async def _answer(
    send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None, kind: str = "html"
) -> None:
    started: dict[str, Any] = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", f"text/{kind}; charset=utf-8".encode()),
            (b"cache-control", b"no-store"),
            *(headers or []),
        ],
    }
    await send(started)
    await send({"type": "http.response.body", "body": text.encode("utf-8")})
