"""Several upstreams side by side: each call reaches the upstream of its model, under the name that the upstream knows."""

import msgspec
import pytest
from attrs import evolve
from msgspec import Raw
from msgspec.structs import replace

from mix2api.model_prefixes import ByPrefix
from mix2api.upstreams.by_prefix import PrefixedUpstream, UpstreamsByPrefix
from mix2api.upstreams.port import Finished, Opened, UpstreamCall, UpstreamFault
from mix2api.upstreams.scripted import ScriptedUpstream
from mix2api.upstreams.waiting_line import WaitingLine
from mix2api.vocabulary import Detail, RequestId, RunId
from mix2api.wire.turn import Turn

CALL = UpstreamCall(
    run_id=RunId("r"), request_id=RequestId("q"), turn=Turn(model="m", messages=[]), messages=[]
)


def asked(model: str, /, **fields: Raw) -> UpstreamCall:
    return evolve(CALL, turn=replace(CALL.turn, model=model, given=fields))


def scripted() -> ScriptedUpstream:
    return ScriptedUpstream([[[Opened(200), Finished("stop")]]] * 3)


async def put(upstream: UpstreamsByPrefix, call: UpstreamCall) -> None:
    async with upstream.open(call) as stream:
        async for _ in stream:
            pass


async def test_each_call_goes_to_the_upstream_of_its_prefix() -> None:
    one, rest = scripted(), scripted()
    by_prefix = {"one/": PrefixedUpstream(upstream=one), "": PrefixedUpstream(upstream=rest)}
    upstream = UpstreamsByPrefix(ByPrefix(by_prefix))
    for model in ("one/a", "b"):
        await put(upstream, asked(model))
    assert [call.turn.model for call in one.calls] == ["one/a"]
    assert [call.turn.model for call in rest.calls] == ["b"]


async def test_a_stripped_prefix_is_gone_from_the_turn_and_from_the_fields_as_they_came() -> None:
    one = scripted()
    upstream = UpstreamsByPrefix(ByPrefix({"one/": PrefixedUpstream(upstream=one, stripped="one/")}))
    await put(upstream, asked("one/a", model=Raw(b'"one/a"'), top_k=Raw(b"5")))
    await put(upstream, asked("one/a"))
    given = one.calls[0].turn.given
    assert {name: msgspec.json.decode(raw) for name, raw in given.items()} == {"model": "a", "top_k": 5}
    assert [call.turn.model for call in one.calls] == ["a", "a"]
    assert one.calls[1].turn.given == {}


async def test_a_model_of_no_upstream_is_refused_as_one_that_nobody_was_asked_for() -> None:
    upstream = UpstreamsByPrefix(ByPrefix({"one/": PrefixedUpstream(upstream=scripted())}))
    with pytest.raises(UpstreamFault) as caught:
        await put(upstream, asked("other"))
    assert (caught.value.status, caught.value.taken) == (404, False)


async def test_an_upstream_has_a_line_of_its_own() -> None:
    full, line = scripted(), WaitingLine(1, 0, "the upstream")
    by_prefix = {
        "full/": PrefixedUpstream(upstream=full, line=line),
        "": PrefixedUpstream(upstream=scripted()),
    }
    upstream = UpstreamsByPrefix(ByPrefix(by_prefix))
    async with line.place():
        with pytest.raises(UpstreamFault) as caught:
            await put(upstream, asked("full/a"))
        await put(upstream, asked("b"))
    assert caught.value.detail is Detail.DEADLINE
    await put(upstream, asked("full/a"))
    assert len(full.calls) == 1
