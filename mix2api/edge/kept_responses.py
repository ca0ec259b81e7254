"""`GET`, `DELETE` and `cancel` of a response that an upstream keeps: each is a turn that goes to the account that has made it."""

import re
from typing import Final
from urllib.parse import parse_qs

from mix2api.edge.api_form import ApiForm, SubmittedRun
from mix2api.edge.relayed_responses import RelayedAnswer, RelayedRenderer
from mix2api.edge.request import EdgeRequest
from mix2api.sessions.sites import Sites
from mix2api.steps import Steps
from mix2api.wire.turn import Operation, Reference, Turn

_PATH: Final = re.compile(r"((?:/v1){0,2}/responses)/([A-Za-z0-9_.-]{1,512})(?:/(input_items|cancel))?/?")
"""An id of other characters is nobody's."""
_WORDS: Final = frozenset({"compact", "input_tokens"})
"""What stands in the place of an id and is none."""
_METHODS: Final = {None: ("GET", "DELETE"), "input_items": ("GET",), "cancel": ("POST",)}


def route_of(method: str, path: str) -> str | None:
    """The route of a kept response that a request takes; None where it takes none."""
    found = _PATH.fullmatch(path)
    if found is None or found[2] in _WORDS or method not in _METHODS[found[3]]:
        return None
    return f"{found[1]}/<response_id>" + (f"/{found[3]}" if found[3] else "")


def _turn_steps(request: EdgeRequest, body: bytes, *, sites: Sites) -> Steps[Turn]:
    """The turn. Its model is known once it is known who has made the response."""
    del body, sites
    yield from ()
    found = _PATH.fullmatch(request.path)
    assert found is not None  # noqa: S101 - `route_of` has let it pass
    response_id, word = found[2], found[3]
    query = request.query
    return Turn(
        model="",
        messages=[],
        stream=parse_qs(query).get("stream") == ["true"],
        is_responses=True,
        operation=Operation(
            request.method,
            f"{response_id}/{word}" if word else response_id,
            f"?{query}" if query else "",
        ),
        refers=[Reference(response_id, "response_id")],
    )


def _whole(_: SubmittedRun) -> RelayedAnswer:
    return RelayedAnswer()


KEPT: Final = ApiForm(turn_steps=_turn_steps, renderer=RelayedRenderer, whole=_whole)
"""How such requests are read and answered."""
