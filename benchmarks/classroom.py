"""A class of many: students on WebSockets of their own follow the screen and predict; errors, and how long it takes to reach all.

    python benchmarks/classroom.py [--students 30] [--rounds 6]

Each student joins with the code, opens the page and does what a browser does: it asks every second what the class is shown, and has the
page's part drawn anew over its WebSocket when that is not what it has. The teacher's side writes to the database what the Class page writes.
In each round a new sentence is shown, a question asked, answered by all, closed and revealed.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from app.shell.door import SHOWN
from engine.classroom import STAGES, Classroom
from tests.browser.conftest import class_server

EVERY, PATIENCE = 1.0, 6.0  # Seconds, as in app/widgets/follow.js.
WORDS = ["slow", "dull", "lovely", "wonderful", "boring", "brilliant", "strange", "honest"]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """The cookie is in the answer itself."""

    def redirect_request(self, *_: Any) -> None:
        """None is followed."""


@dataclass
class Pupil:
    """One student's browser: what it has been sent, and when."""

    url: str
    name: str
    errors: list[str] = field(default_factory=list)
    seen: bytes = b""
    finished: int = 0
    fragment: str = ""
    drawn: str = ""
    asked: float = 0.0
    page: str = ""
    radio: str = ""
    options: list[str] = field(default_factory=list)
    button: str = ""
    chosen: str = ""

    def join(self, code: str) -> str:
        """Join; returns the cookie."""
        body = urllib.parse.urlencode({"code": code, "name": self.name}).encode()
        asked = urllib.request.Request(f"{self.url}/join", body, {"Origin": self.url})
        try:
            urllib.request.build_opener(NoRedirect).open(asked, timeout=60)
        except urllib.error.HTTPError as answer:
            assert answer.code == 303, answer.read()
            return answer.headers["set-cookie"].partition(";")[0]
        raise AssertionError("no redirection")

    async def live(self, cookie: str, over: asyncio.Event) -> None:
        """Read what comes, and ask for what the class is shown, until it is over."""
        address = self.url.replace("http", "ws") + "/_stcore/stream"
        async with connect(
            address, origin=self.url, additional_headers={"Cookie": cookie}, max_size=None, ping_timeout=None
        ) as self.socket:
            await self.say()
            reading, asking = asyncio.create_task(self._read()), asyncio.create_task(self._follow(cookie))
            await over.wait()
            reading.cancel()
            asking.cancel()

    async def say(self, commit: bool = False) -> None:
        """Ask for the page, or once it is there for its part, with what stands in its widgets; `commit`: press the form's button."""
        message = BackMsg()
        message.rerun_script.page_script_hash, message.rerun_script.fragment_id = self.page, self.fragment
        widgets = message.rerun_script.widget_states.widgets
        if self.chosen:
            widgets.add(id=self.radio, string_value=self.chosen)
        if commit:
            widgets.add(id=self.button, trigger_value=True)
        await self.socket.send(message.SerializeToString())

    async def _read(self) -> None:
        async for raw in self.socket:
            answer = ForwardMsg.FromString(raw)
            if answer.HasField("new_session"):
                self.page = answer.new_session.page_script_hash
            if answer.HasField("script_finished"):
                self.finished += 1
            if answer.HasField("delta"):
                self.seen += raw
                element = answer.delta.new_element
                if element.HasField("exception"):
                    self.errors.append(element.exception.message[:200])
                if element.bidi_component.component_name == "deltabook_follow":
                    self.fragment, self.asked = answer.delta.fragment_id, 0.0
                    self.drawn = json.loads(element.bidi_component.json)["drawn"]
                if element.HasField("radio"):
                    self.chosen = self.chosen if self.radio == element.radio.id else ""
                    self.radio, self.options = element.radio.id, list(element.radio.options)
                if element.HasField("button") and element.button.is_form_submitter:
                    self.button = element.button.id

    async def _follow(self, cookie: str) -> None:
        look = urllib.request.Request(self.url + SHOWN, headers={"Cookie": cookie})
        await asyncio.sleep(random.random() * EVERY)
        while True:
            await asyncio.sleep(EVERY)
            try:
                shown = (await asyncio.to_thread(lambda: urllib.request.urlopen(look, timeout=60).read())).decode()
            except OSError as problem:
                self.errors.append(str(problem))
                continue
            if self.drawn and shown != self.drawn and time.monotonic() - self.asked > PATIENCE:
                self.asked = time.monotonic()
                await self.say()


async def all_have(pupils: list[Pupil], what: Callable[[Pupil], bool], limit: float = 120) -> list[float]:
    """Seconds until each has it."""
    began, times = time.monotonic(), {}
    while len(times) < len(pupils):
        times |= {each.name: time.monotonic() - began for each in pupils if each.name not in times and what(each)}
        if time.monotonic() - began > limit:
            missing = [each for each in pupils if each.name not in times]
            for each in missing:
                each.errors.append("did not get what the class was shown")
            break
        await asyncio.sleep(0.02)
    return list(times.values())


@dataclass
class Measured:
    """Seconds until each student had the new screen, the question and the answer; errors; predictions that arrived."""

    screens: list[float]
    questions: list[float]
    answers: list[float]
    errors: list[str]
    predictions: int


def has(*parts: Any) -> bool:
    """Whether a pupil (the last) has been sent all of these since this round began."""
    return all(part in parts[-1].seen for part in parts[:-1])


def offers(options: list[str], pupil: Pupil) -> bool:
    """Whether a pupil is asked to choose among these."""
    return pupil.options == options and bool(pupil.button)


async def lesson(pupils: list[Pupil], cookies: list[str], rounds: int, model: str) -> Measured:
    """Some rounds of showing, asking and revealing."""
    over, room, found = asyncio.Event(), Classroom(), Measured([], [], [], [], 0)
    lives = [asyncio.create_task(each.live(cookie, over)) for each, cookie in zip(pupils, cookies, strict=True)]
    await all_have(pupils, lambda each: each.finished > 0)
    for turn in range(-1, rounds):  # The first one loads the model, as the teacher's page would have.
        text = f"A {WORDS[turn % 8]} and {WORDS[(3 * turn + 1) % 8]} film, {turn}x{turn}"
        values = {"text": text, "text_pair": None, "method": "pgd", "settings": {}, "label": None, "seed": 0}
        for each in pupils:
            each.seen = b""
        room.show({"model": model, "values": values, "step": 1, "token": None})
        found.screens += await all_have(pupils, partial(has, text.encode(), b"as your teacher looks at it"))
        choices = {str(place + 1): word for place, word in enumerate(text.split())}
        asked = {"model": model, "values": values, "text": text, "method_title": "PGD", "choices": choices}
        question = room.ask("token", asked)
        found.questions += await all_have(pupils, partial(offers, list(choices.values())))
        for place, each in enumerate(pupils):
            each.chosen = each.options[place % len(each.options)]
            await each.say(commit=True)
        until = time.monotonic() + 30
        while len(room.question().predictions) < len(pupils) and time.monotonic() < until:
            await asyncio.sleep(0.05)
        found.predictions += len(room.question().predictions)
        room.advance(question.id, STAGES[1])
        room.advance(question.id, STAGES[2], "2")
        found.answers += await all_have(pupils, partial(has, b"predicted it"))
        room.advance(question.id, "over")
        if turn < 0:
            found = Measured([], [], [], [], 0)
    over.set()
    await asyncio.gather(*lives, return_exceptions=True)
    found.errors = [f"{each.name}: {error}" for each in pupils for error in each.errors]
    return found


def measure(home: Path, students: int, rounds: int, model: str = "minilm") -> Measured:
    """Start a server, let a class of that many use it, and end it."""
    os.environ["DELTABOOK_HOME"] = str(home)
    server, url = class_server(home)
    try:
        code = Classroom().open().code
        pupils = [Pupil(url, f"student {number}") for number in range(students)]
        cookies = [each.join(code) for each in pupils]
        with ThreadPoolExecutor(1) as own:
            return own.submit(asyncio.run, lesson(pupils, cookies, rounds, model)).result()
    finally:
        server.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder) / "home", options.students, options.rounds)
    print(
        f"{options.students} students, {options.rounds} rounds: {found.predictions} predictions, {len(found.errors)} errors"
    )
    print("| until a student has | median (s) | slowest (s) |\n|---|---|---|")
    for what, times in (
        ("a new screen", found.screens),
        ("a question", found.questions),
        ("the answer", found.answers),
    ):
        print(f"| {what} | {statistics.median(times):.2f} | {max(times):.2f} |")
    print("\n".join(found.errors[:10]))


if __name__ == "__main__":
    main()
