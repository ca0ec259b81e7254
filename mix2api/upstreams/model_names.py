"""A call under the name that its upstream, or its account, has for the model. Pure."""

import msgspec
from attrs import evolve
from msgspec import Raw
from msgspec.structs import replace

from mix2api.upstreams.port import UpstreamCall


def renamed(call: UpstreamCall, model: str) -> UpstreamCall:
    """The call for the model under a name that its upstream knows; the very call where that is the name it has."""
    turn = call.turn
    if model == turn.model:
        return call
    given = turn.given
    if "model" in given:
        given = given | {"model": Raw(msgspec.json.encode(model))}
    return evolve(call, turn=replace(turn, model=model, given=given))
