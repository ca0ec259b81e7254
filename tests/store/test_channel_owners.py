"""The owner of each shard, where the release divides the shards between two channels."""

from mix2api.release.shares import divided
from mix2api.steps import at_once
from mix2api.store.channel_owners import ChannelOwners
from mix2api.store.rendezvous import Rendezvous, Taker
from mix2api.vocabulary import Channel, ProcessId

_SHARDS = 64
STABLE = [Taker(ProcessId(name), 100) for name in ("p_a", "p_b")]
CANARY = [Taker(ProcessId(name), 100, Channel.CANARY) for name in ("p_c", "p_d")]
BOTH = frozenset(Channel)


def owners(takers: list[Taker], percent: int | None, living: frozenset[Channel]) -> list[ProcessId | None]:
    return at_once(ChannelOwners(_SHARDS).owners(takers, divided(_SHARDS, percent, living)))


def test_each_channel_s_shards_belong_to_its_own_processes() -> None:
    found = owners([*CANARY, *STABLE], 50, BOTH)
    assert set(found[:32]) == {"p_c", "p_d"}
    assert set(found[32:]) == {"p_a", "p_b"}


def test_a_step_moves_no_shard_between_two_processes_of_a_channel() -> None:
    before, after = owners([*CANARY, *STABLE], 5, BOTH), owners([*CANARY, *STABLE], 20, BOTH)
    moved = {place for place in range(_SHARDS) if before[place] != after[place]}
    assert moved == set(range(4, 13)), "only what the step adds"


def test_without_a_canary_the_owners_are_as_weights_say() -> None:
    assert owners(STABLE, None, frozenset({Channel.STABLE})) == list(
        at_once(Rendezvous(_SHARDS).owners(STABLE))
    )


def test_at_0_percent_no_shard_is_the_canary_s_even_where_nobody_else_lives() -> None:
    assert set(owners(CANARY, 0, frozenset({Channel.CANARY}))) == {None}
    assert set(owners([*CANARY, *STABLE], 0, BOTH)) == {"p_a", "p_b"}


def test_where_nobody_takes_shards_none_has_an_owner() -> None:
    assert owners([], None, frozenset()) == [None] * _SHARDS
