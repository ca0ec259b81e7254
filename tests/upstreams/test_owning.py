"""Who made what is noted before the client can come back to it."""

from collections.abc import Sequence

from attrs import evolve
from msgspec.structs import replace

from mix2api.accounts.owners import Owner
from mix2api.errors import StoreUnavailable
from mix2api.store.memory import MemoryOwners
from mix2api.upstreams.owning import OwningUpstream
from mix2api.upstreams.port import Finished, Opened, Relayed, Served, UpstreamCall, UpstreamEvent
from mix2api.upstreams.scripted import ScriptedUpstream
from mix2api.vocabulary import Digest, RequestId, RunId
from mix2api.wire.turn import Turn

CALLER = Digest("a" * 32)
CALL = UpstreamCall(
    run_id=RunId("r"),
    request_id=RequestId("q"),
    turn=Turn(model="m", messages=[], is_responses=True),
    messages=[],
    caller=CALLER,
)
SCRIPT: list[list[UpstreamEvent]] = [
    [Served("acct", "chosen"), Opened(200)],
    [Relayed("response.created", "{}", made=("resp_1",)), Relayed("x", "{}", made=("resp_1", "item"))],
    [Relayed("y", "{}", made=("item",)), Finished("stop")],
]


class AwayOwners(MemoryOwners):
    async def note(self, caller: Digest, made: Sequence[str], owner: Owner) -> None:
        del caller, made, owner
        raise StoreUnavailable


async def heard(owners: MemoryOwners, call: UpstreamCall = CALL) -> int:
    count = 0
    async with OwningUpstream(ScriptedUpstream([SCRIPT]), owners).open(call) as stream:
        async for batch in stream:
            made = [one for event in batch if isinstance(event, Relayed) for one in event.made]
            assert isinstance(owners, AwayOwners) or all((CALLER, one) in owners.known for one in made)
            count += len(batch)
        stream.pause()
        await stream.aclose()
    return count


async def test_the_account_is_noted_before_the_id_leaves() -> None:
    owners = MemoryOwners()
    assert await heard(owners) == 6
    assert owners.known == {(CALLER, one): Owner("acct", "m") for one in ("resp_1", "item")}


async def test_while_the_store_is_away_the_answer_goes_on() -> None:
    assert await heard(AwayOwners()) == 6


async def test_other_answers_are_not_looked_at() -> None:
    owners = MemoryOwners()
    plain = evolve(CALL, turn=replace(CALL.turn, is_responses=False))
    async with OwningUpstream(ScriptedUpstream([SCRIPT]), owners).open(plain) as stream:
        assert [batch async for batch in stream] == SCRIPT
    assert owners.known == {}
