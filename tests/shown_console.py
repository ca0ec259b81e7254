"""A console over a real store, asked in-process: no socket, no browser."""

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html import unescape
from typing import Any
from urllib.parse import urlencode

import msgspec
import structlog
import trio.testing
from attrs import define, field
from quart import Response
from quart_trio import QuartTrio

from mix2api.clock import Clock, SystemClock
from mix2api.console.app import build_app
from mix2api.console.options import ConsoleOptions
from mix2api.console.parts import Console
from mix2api.console.ports import ConsolePorts
from mix2api.console.sign_in import COOKIE
from mix2api.console.tokens import AdminToken, Role
from mix2api.store.store import Store

TOKENS = {Role.VIEW: "a token to look with", Role.OPERATE: "a token to operate with"}


def admin_tokens() -> tuple[AdminToken, ...]:
    """An admin of each role; the id is the role's word."""
    return tuple(
        AdminToken(role.value, role, hashlib.sha256(token.encode()).digest())
        for role, token in TOKENS.items()
    )


@define(eq=False)
class Visitor:
    """A browser as far as a server sees one: it keeps cookies and follows nothing."""

    app: QuartTrio
    cookies: dict[str, str] = field(factory=dict)

    async def get(self, path: str, **headers: str) -> Response:
        return await self._ask("GET", path, headers)

    async def post(self, path: str, form: Mapping[str, str], **headers: str) -> Response:
        data = urlencode(form)
        sent = {
            "content_type": "application/x-www-form-urlencoded",
            "content_length": str(len(data)),
            **headers,
        }
        return await self._ask("POST", path, sent, data=data)

    async def post_long(self, path: str, form: Mapping[str, str]) -> Response:
        """Sends a form as a browser does that may be long."""
        parts = [
            f'--b\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{said}\r\n'
            for name, said in form.items()
        ]
        data = "".join([*parts, "--b--\r\n"]).encode()
        sent = {"content_type": "multipart/form-data; boundary=b", "content_length": str(len(data))}
        return await self._ask("POST", path, sent, data=data)

    async def page(self, path: str, **headers: str) -> str:
        """The text of a page that is there."""
        answer = await self.get(path, **headers)
        assert answer.status_code == 200, (answer.status_code, await answer.get_data(as_text=True))
        return await answer.get_data(as_text=True)

    async def sign_in(self, role: Role = Role.VIEW) -> None:
        answer = await self.post("/sign-in", {"token": TOKENS[role], "target": "/"})
        assert answer.status_code == 303

    async def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', await self.page("/"))
        assert found is not None
        return found[1]

    async def _ask(self, method: str, path: str, headers: Mapping[str, str], **more: Any) -> Response:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        said["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        client = self.app.test_client(use_cookies=False)
        answer = await client.open(path, method=method, headers=said, **more)
        for cookie in answer.headers.getlist("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        return answer


@define(eq=False)
class Shown:
    """A console and somebody who looks at it."""

    console: Console
    visitor: Visitor

    def another(self) -> Visitor:
        """Somebody else, who is not signed in."""
        return Visitor(self.visitor.app)


@asynccontextmanager
async def shown(
    store: Store, clock: Clock | None = None, ports: ConsolePorts | None = None, **options: Any
) -> AsyncIterator[Shown]:
    """The console over an open store, its first look over, with an admin of the role `view` signed in."""
    known: dict[str, Any] = {
        "tokens": admin_tokens(),
        "session_s": 600,
        "runs": 1000,
        "retention_s": 90_000,
    }
    console = Console(
        options=ConsoleOptions(**(known | options)),
        store=store,
        clock=SystemClock() if clock is None else clock,
        logger=structlog.get_logger(),
        ports=ConsolePorts() if ports is None else ports,
    )
    await console.following.look()
    visitor = Visitor(build_app(console))
    await visitor.sign_in()
    yield Shown(console, visitor)


def words_of(page: str) -> str:
    """What a reader sees of a page: its text, without marks, in single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


@asynccontextmanager
async def watching(visitor: Visitor, path: str) -> AsyncIterator[Any]:
    """The stream of a live page."""
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    client = visitor.app.test_client(use_cookies=False)
    async with client.request(path, headers={"cookie": cookie}) as connection:
        yield connection
        await connection.disconnect()
        await trio.testing.wait_all_tasks_blocked()
        connection._client_send.close()  # else it waits for the end of an answer that was cancelled


async def parts_of(connection: Any) -> dict[str, str]:
    """The next event that has parts."""
    while True:
        data: bytes = await connection.receive()
        if data.startswith(b"event: parts\n"):
            assert data.endswith(b"\n\n")
            parts: dict[str, str] = msgspec.json.decode(data.partition(b"data: ")[2])
            return parts


__all__ = [
    "COOKIE",
    "TOKENS",
    "Shown",
    "Visitor",
    "admin_tokens",
    "parts_of",
    "shown",
    "watching",
    "words_of",
]
