"""Fresh turns find the free slots of other processes, and no more of them than their part."""

from collections.abc import Sequence

import pytest
import trio
from actor_parts import CLOCK, LIMIT_S, MINT, OTHER, PROCESS, submission
from attrs import define, field
from relay.edges import FRESH, Edge, Inboxes, SentMail, edge

from mix2api.actors.refusals import draining
from mix2api.identity import shard_of
from mix2api.relay.messages import decode_turn
from mix2api.relay.room import Elsewhere
from mix2api.store.newcomer import Newcomer
from mix2api.store_watch import StoreWatch
from mix2api.vocabulary import Channel, Detail, Digest, ProcessId, SessionId, Shard

_SHARDS = 4


@define(eq=False)
class Places:
    """How many places each process has left."""

    left: dict[ProcessId, int] = field(factory=dict)

    def has_places(self, _: Newcomer | None = None) -> bool:
        return any(self.left.values())

    def give_back(self, process: ProcessId, caller: Digest | None) -> None:
        assert caller is None
        self.left[process] += 1

    def take_place(self, process: ProcessId, _: Newcomer | None = None) -> bool:
        left = self.left.get(process)
        if left is None:
            return True
        self.left[process] = max(0, left - 1)
        return left > 0


def elsewhere(inboxes: Inboxes, places: Places, store: StoreWatch | None = None) -> Elsewhere:
    store = StoreWatch(frozenset, CLOCK) if store is None else store
    return Elsewhere(room=places, inboxes=inboxes, mint=MINT, fresh=FRESH, process=PROCESS, store=store)


def half_and_half() -> Inboxes:
    return Inboxes(SentMail(), {Shard(number): (PROCESS, OTHER)[number % 2] for number in range(_SHARDS)})


async def test_a_session_is_placed_where_a_place_is_left_and_takes_it() -> None:
    inboxes, places = half_and_half(), Places({OTHER: 2})
    looking = elsewhere(inboxes, places)
    found = [placed for _ in range(20) if (placed := await looking.place(Channel.STABLE)) is not None]
    assert len(found) == 2
    assert {inboxes.owners[shard_of(placed.session_id)] for placed in found} == {OTHER}
    assert {placed.process for placed in found} == {OTHER}
    assert places.left == {OTHER: 0}


async def test_nothing_is_asked_where_no_place_is_known() -> None:
    inboxes = half_and_half()
    inboxes.away = True  # a look would be noticed
    assert await elsewhere(inboxes, Places({OTHER: 0})).place(Channel.STABLE) is None
    assert await elsewhere(inboxes, Places({OTHER: 1})).place(Channel.STABLE) is None


class Mute(Inboxes):
    """A store that takes commands and never answers."""

    async def lease_owners(self, shards: Sequence[Shard]) -> list[ProcessId | None]:
        del shards
        await trio.sleep_forever()


async def test_a_look_at_a_store_that_does_not_answer_is_cut_short() -> None:
    silence = frozenset({("log", 0.0)})
    store = StoreWatch(lambda: silence, CLOCK)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.watch)
        looking = elsewhere(Mute(SentMail()), Places({OTHER: 1}), store)
        with trio.fail_after(LIMIT_S):
            assert await looking.place(Channel.STABLE) is None
        nursery.cancel_scope.cancel()


async def test_shards_without_an_owner_and_one_s_own_are_no_room() -> None:
    inboxes, places = Inboxes(SentMail(), {Shard(0): PROCESS}), Places({OTHER: 1})
    assert await elsewhere(inboxes, places).place(Channel.STABLE) is None
    assert places.left == {OTHER: 1}


async def owners_of(made: Edge, turns: int) -> list[ProcessId]:
    """To whom so many turns of an edge go."""
    for _ in range(turns):
        await made.relay.submit(submission())
    shards = (shard_of(SessionId(decode_turn(payload).session_id)) for _, payload, _ in made.inboxes.put)
    return [made.inboxes.owners[shard] for shard in shards]


async def test_an_edge_passes_over_a_full_worker_and_fills_the_other_one() -> None:
    places = Places({PROCESS: 0, OTHER: 30})
    made = edge(places=places)
    made.inboxes.owners = half_and_half().owners
    with trio.fail_after(5):
        assert set(await owners_of(made, 20)) == {OTHER}
    assert places.left == {PROCESS: 0, OTHER: 10}


@pytest.mark.parametrize("leaves", [False, True])
async def test_a_turn_that_is_over_gives_its_place_back_once(*, leaves: bool) -> None:
    places = Places({PROCESS: 1, OTHER: 0})
    made = edge(places=places)
    sent, replies = await made.submit()
    assert places.left == {PROCESS: 0, OTHER: 0}
    if leaves:
        replies.abort(Detail.HUNG_UP)
    made.deliver(sent, 1, draining())
    replies.abort(Detail.HUNG_UP)
    assert places.left == {PROCESS: 1, OTHER: 0}


async def test_where_all_are_full_turns_go_to_whom_their_shards_belong() -> None:
    made = edge(places=Places({PROCESS: 0, OTHER: 0}))
    made.inboxes.owners = half_and_half().owners
    assert set(await owners_of(made, 20)) == {PROCESS, OTHER}
    assert made.inboxes.asked <= _SHARDS, "the owner of each shard is asked for once"
