"""What reaches the server: requests of this app's own pages alone, and answers that no other site may frame.

A page of another site, or one whose name was made to point at this machine (DNS rebinding), could otherwise start
trainings and read texts with the rights of whoever runs the app.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from streamlit import config

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

OWN_NAMES = ("127.0.0.1", "localhost", "::1")
# Nothing is fetched from elsewhere: no picture in a note, no font, no script. Streamlit needs inline code and styles.
POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' ws://{host} wss://{host} data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)


def host_is_allowed(host: str) -> bool:
    """Whether a Host header names this machine as its pages do: a loopback name, or one of `server.allowedHosts`."""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname, parts.port  # Asking for the port checks it.
    except ValueError:
        return False
    if not name or parts.netloc != host or parts.username is not None or any(letter in host for letter in "/?#@"):
        return False
    allowed = [each.strip().lower().strip("[]") for each in config.get_option("server.allowedHosts")]
    return "*" in allowed or name.lower().rstrip(".") in (*OWN_NAMES, *allowed)


def origin_is_own(origin: str | None, host: str) -> bool:
    """Whether a request comes from a page of this very server, port included; no Origin: it is no browser's other site."""
    return origin is None or (urlsplit(origin).scheme in ("http", "https") and urlsplit(origin).netloc == host)


class Guard:
    """ASGI middleware: refuses with 403 what is not the app's own, adds headers to all answers."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, or one WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        host = hosts[0] if len(hosts) == 1 else ""
        if not host_is_allowed(host) or not all(origin_is_own(origin, host) for origin in origins):
            await refuse(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_headers(host)]
            await send(message)

        await self.app(scope, receive, with_headers)


def _headers(host: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-security-policy", POLICY.format(host=host).encode("latin-1")),
        (b"x-frame-options", b"DENY"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
    ]


async def refuse(scope: Message, receive: Receive, send: Send) -> None:
    """Answer with 403, or do not accept the WebSocket."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": ""})  # Before it is accepted: a 403.
        return
    text = b"Refused: this address, or this page, is not Deltabook's own. See the README on opening it to others."
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": text})
