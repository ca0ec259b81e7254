"""The routes of a runtime for trials (`mix2api.demo.runtime`), as OpenCode has them."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

import msgspec

from mix2api.demo.connection import Connection, Incoming
from mix2api.demo.directives import find_directives
from mix2api.demo.runtime import Runtime, RuntimeSession
from mix2api.demo.site import Site, UnknownSession
from mix2api.demo.whole import error_body
from mix2api.demo.words import Word

Handler = Callable[[Incoming, Connection, Site], Awaitable[None]]


def _runtime(site: Site) -> Runtime:
    if site.runtime is None:
        raise UnknownSession("no runtime")
    return site.runtime


def _session(incoming: Incoming, site: Site) -> RuntimeSession:
    found = _runtime(site).sessions.get(incoming.path[1])
    if found is None:
        raise UnknownSession(incoming.path[1])
    return found


def _shown(session: RuntimeSession) -> dict[str, Any]:
    return {"id": session.id, "title": session.title, "directory": "/demo"}


async def _send(connection: Connection, answer: object) -> None:
    await connection.send_body(HTTPStatus.OK, msgspec.json.encode(answer))


async def _events(_: Incoming, connection: Connection, site: Site) -> None:
    with _runtime(site).read_events() as receive:
        await connection.send_head(HTTPStatus.OK, "text/event-stream")

        async def pass_on() -> None:
            async for event in receive:
                await connection.send_data(b"data: " + msgspec.json.encode(event) + b"\n\n")
            connection.drop(reset=False)

        await connection.watched(pass_on)


async def _make(incoming: Incoming, connection: Connection, site: Site) -> None:
    asked = msgspec.json.decode(incoming.body or b"{}")
    await _send(connection, _shown(_runtime(site).make(asked.get("title", ""))))


async def _list(_: Incoming, connection: Connection, site: Site) -> None:
    await _send(connection, [_shown(session) for session in _runtime(site).sessions.values()])


async def _statuses(_: Incoming, connection: Connection, site: Site) -> None:
    busy = [session.id for session in _runtime(site).sessions.values() if session.busy]
    await _send(connection, {each: {"type": "busy"} for each in busy})


async def _prompt(incoming: Incoming, connection: Connection, site: Site) -> None:
    prompt = msgspec.json.decode(incoming.body)
    texts = [part["text"] for part in prompt["parts"] if part["type"] == "text"]
    words = find_directives(texts[-1])
    if Word.STATUS in words:
        status = words.number(Word.STATUS, HTTPStatus.INTERNAL_SERVER_ERROR)
        await connection.send_body(status, error_body("asked for by the prompt"))
        return
    _runtime(site).prompt(_session(incoming, site), prompt)
    await connection.send_body(HTTPStatus.NO_CONTENT, b"")


async def _messages(incoming: Incoming, connection: Connection, site: Site) -> None:
    await _send(connection, _session(incoming, site).messages)


async def _abort(incoming: Incoming, connection: Connection, site: Site) -> None:
    _runtime(site).abort(_session(incoming, site))
    await _send(connection, answer=True)


async def _delete(incoming: Incoming, connection: Connection, site: Site) -> None:
    _runtime(site).delete(_session(incoming, site))
    await _send(connection, answer=True)


async def _asked(incoming: Incoming, connection: Connection, site: Site) -> None:
    """What sessions wait for, of one sort."""
    prefix = incoming.path[0][:3]
    waiting = [each for each in _runtime(site).sessions.values() if each.asked and not each.answered.is_set()]
    asked = [{"id": each.asked, "sessionID": each.id} for each in waiting if each.asked]
    await _send(connection, [each for each in asked if str(each["id"]).startswith(prefix)])


async def _reply(incoming: Incoming, connection: Connection, site: Site) -> None:
    """An answer to a permission or a question: whoever waits for it goes on."""
    runtime = _runtime(site)
    runtime.replies.append({"path": list(incoming.path), **msgspec.json.decode(incoming.body or b"{}")})
    for session in runtime.sessions.values():
        if session.asked == incoming.path[1]:
            session.answered.set()
    await _send(connection, answer=True)


RUNTIME_ROUTES: Final[dict[tuple[str, ...], dict[str, Handler]]] = {
    ("permission",): {"GET": _asked},
    ("question",): {"GET": _asked},
    ("global", "event"): {"GET": _events},
    ("session",): {"POST": _make, "GET": _list},
    ("session", "status"): {"GET": _statuses},
    ("session", "*"): {"DELETE": _delete},
    ("session", "*", "prompt_async"): {"POST": _prompt},
    ("session", "*", "message"): {"GET": _messages},
    ("session", "*", "abort"): {"POST": _abort},
    ("permission", "*", "reply"): {"POST": _reply},
    ("question", "*", "reject"): {"POST": _reply},
}
"""`*` stands for one segment, an id."""
