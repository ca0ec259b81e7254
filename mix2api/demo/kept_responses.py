"""Responses that the demo site keeps, each for the account that asked for it; and the routes by which it gives them out."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import msgspec
from attrs import evolve

from mix2api.demo.bodies import Chat
from mix2api.demo.connection import Connection, Incoming
from mix2api.demo.responses_objects import KeptResponse, can_read, encrypted_for
from mix2api.demo.site import Site
from mix2api.demo.whole import error_body


class RefusedChat(Exception):
    """A chat that the account may not have, with the error's code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def account_of(incoming: Incoming) -> str:
    """The account that asks, by its token."""
    return incoming.headers.get("authorization", "").partition(" ")[2]


def continued(chat: Chat, account: str, site: Site) -> Chat:
    """The chat with the history that it goes on from.

    Raises:
        RefusedChat: the account has no such response, or cannot read what was encrypted.
    """
    if not all(can_read(account, one) for one in chat.encrypted):
        raise RefusedChat("invalid_encrypted_content")
    if chat.previous is None:
        return chat
    kept = site.responses.get(chat.previous)
    if kept is None or kept.account != account:
        raise RefusedChat("previous_response_not_found")
    return evolve(chat, messages=(*kept.asked, *kept.said, *chat.messages))


def _found(incoming: Incoming, site: Site, place: int) -> KeptResponse | None:
    kept = site.responses.get(incoming.path[place])
    return kept if kept is not None and kept.account == account_of(incoming) else None


Handler = Callable[[Incoming, Connection, Site], Awaitable[None]]


async def _send(connection: Connection, answer: object | None) -> None:
    if answer is None:
        await connection.send_body(HTTPStatus.NOT_FOUND, error_body("no such response", "not_found"))
    else:
        await connection.send_body(HTTPStatus.OK, msgspec.json.encode(answer))


async def _show(incoming: Incoming, connection: Connection, site: Site) -> None:
    kept = _found(incoming, site, -1)
    await _send(connection, None if kept is None else kept.response)


async def _delete(incoming: Incoming, connection: Connection, site: Site) -> None:
    kept = _found(incoming, site, -1)
    if kept is not None:
        del site.responses[kept.response["id"]]
    deleted = None if kept is None else {"id": kept.response["id"], "object": "response", "deleted": True}
    await _send(connection, deleted)


async def _cancel(incoming: Incoming, connection: Connection, site: Site) -> None:
    kept = _found(incoming, site, -2)
    await _send(connection, None if kept is None else kept.response | {"status": "cancelled"})


async def _items(incoming: Incoming, connection: Connection, site: Site) -> None:
    kept = _found(incoming, site, -2)
    listed = None
    if kept is not None:
        listed = {"object": "list", "data": [msgspec.Raw(one.raw) for one in kept.asked]}
    await _send(connection, listed)


async def _compact(incoming: Incoming, connection: Connection, site: Site) -> None:
    item = {
        "id": site.mint("cmp"),
        "type": "compaction",
        "encrypted_content": encrypted_for(account_of(incoming), "summary"),
    }
    await _send(connection, {"id": site.mint("resp"), "object": "response.compaction", "output": [item]})


async def _count(incoming: Incoming, connection: Connection, site: Site) -> None:
    """A token for four bytes of the body, as the whole answers of this site count."""
    del site
    await _send(connection, {"object": "response.input_tokens", "input_tokens": len(incoming.body) // 4})


KEPT_ROUTES: Final[dict[tuple[str, ...], dict[str, Handler]]] = {
    ("v1", "responses", "compact"): {"POST": _compact},
    ("v1", "responses", "input_tokens"): {"POST": _count},
    ("v1", "responses", "*"): {"GET": _show, "DELETE": _delete},
    ("v1", "responses", "*", "cancel"): {"POST": _cancel},
    ("v1", "responses", "*", "input_items"): {"GET": _items},
}
