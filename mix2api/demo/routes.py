"""The site's table of routes: the protocol's two, and those by which a test looks in and takes a hand."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import msgspec

from mix2api.demo.chats import answer_chat
from mix2api.demo.connection import Connection, Incoming
from mix2api.demo.kept_responses import KEPT_ROUTES
from mix2api.demo.options import DemoKind
from mix2api.demo.runtime_routes import RUNTIME_ROUTES
from mix2api.demo.site import Site, UnknownSession
from mix2api.demo.stats import COUNTS
from mix2api.demo.whole import error_body

Handler = Callable[[Incoming, Connection, Site], Awaitable[None]]


async def answer(incoming: Incoming, connection: Connection, site: Site) -> None:
    """Answers one request, whatever it is."""
    routes = CHATS[site.options.kind] | ROUTES
    path = incoming.path
    methods = routes.get(path) or routes.get((*path[:-1], "*")) or routes.get((*path[:-2], "*", *path[-1:]))
    if methods is None:
        await connection.send_body(HTTPStatus.NOT_FOUND, error_body("no such path", "not_found"))
    elif (handler := methods.get(incoming.method)) is None:
        wrong = error_body("no such method here", "method_not_allowed")
        allowed = (("allow", ", ".join(methods)),)
        await connection.send_body(HTTPStatus.METHOD_NOT_ALLOWED, wrong, headers=allowed)
    else:
        try:
            await handler(incoming, connection, site)
        except UnknownSession:
            unknown = error_body("no such session", "session_not_found")
            await connection.send_body(HTTPStatus.NOT_FOUND, unknown)


async def _send(connection: Connection, answer: object) -> None:
    await connection.send_body(HTTPStatus.OK, msgspec.json.encode(answer))


async def _log_in(_: Incoming, connection: Connection, site: Site) -> None:
    token = site.log_in()
    granted = {"access_token": token, "token_type": "Bearer", "expires_in": site.options.token_ttl_s}
    await _send(connection, granted)


async def _list_sessions(_: Incoming, connection: Connection, site: Site) -> None:
    listed = [{"id": each.id, "messages": len(each.kept)} for each in site.sessions.values()]
    await _send(connection, {"sessions": listed})


async def _show_session(incoming: Incoming, connection: Connection, site: Site) -> None:
    session = site.session(incoming.path[-1])
    context = [msgspec.Raw(message.raw) for message in session.kept]
    shown = {"id": session.id, "exchanges": session.exchanges, "chars": session.chars, "messages": context}
    await _send(connection, shown)


async def _forget(incoming: Incoming, connection: Connection, site: Site) -> None:
    site.forget(incoming.path[-1])
    await _send(connection, {})


async def _swap(incoming: Incoming, connection: Connection, site: Site) -> None:
    site.session(incoming.path[-1]).swap_next = True
    await _send(connection, {})


async def _show_stats(incoming: Incoming, connection: Connection, site: Site) -> None:
    """The counts; `?logins=2` waits until they are at least that, `?open_streams=0` until at most."""
    wanted = {name: value for name, value in incoming.query.items() if name in COUNTS}
    if not all(value.isascii() and value.isdecimal() for value in wanted.values()):
        await connection.send_body(HTTPStatus.BAD_REQUEST, error_body("counts are whole numbers"))
        return

    def reached() -> bool:
        counts = site.stats.counts()
        return all(
            counts[name] <= int(value) if name == "open_streams" else counts[name] >= int(value)
            for name, value in wanted.items()
        )

    async def wait_and_tell() -> None:
        await site.stats.wait_until(lambda _: reached())
        await _send(connection, site.stats.counts())

    await connection.watched(wait_and_tell)


async def _show_received(_: Incoming, connection: Connection, site: Site) -> None:
    """The bodies of the last chat requests, oldest first."""
    await _send(connection, {"received": [msgspec.Raw(each.body) for each in site.received]})


async def _expire(_: Incoming, connection: Connection, site: Site) -> None:
    site.expire_tokens()
    await _send(connection, {})


async def _reset(_: Incoming, connection: Connection, site: Site) -> None:
    site.reset()
    await _send(connection, {})


CHATS: Final[dict[DemoKind, dict[tuple[str, ...], dict[str, Handler]]]] = {
    DemoKind.MIX: {("v2", "chats"): {"POST": answer_chat}},
    DemoKind.OPENAI: {("v1", "chat", "completions"): {"POST": answer_chat}},
    DemoKind.RESPONSES: {("v1", "responses"): {"POST": answer_chat}, **KEPT_ROUTES},
    DemoKind.OPENCODE: RUNTIME_ROUTES,
}
"""Where each kind of site takes chats."""
ROUTES: Final[dict[tuple[str, ...], dict[str, Handler]]] = {
    ("v2", "token"): {"POST": _log_in},
    ("demo", "sessions"): {"GET": _list_sessions},
    ("demo", "sessions", "*"): {"GET": _show_session},
    ("demo", "forget", "*"): {"POST": _forget},
    ("demo", "swap", "*"): {"POST": _swap},
    ("demo", "stats"): {"GET": _show_stats},
    ("demo", "received"): {"GET": _show_received},
    ("demo", "expire"): {"POST": _expire},
    ("demo", "reset"): {"POST": _reset},
}
"""`*` stands for one segment, an id."""
