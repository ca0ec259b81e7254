"""Whose a shard is: everybody computes the same, shares follow the weights, and nothing moves without need."""

from collections import Counter

from mix2api.steps import Steps, at_once
from mix2api.store.rendezvous import Rendezvous, Taker
from mix2api.vocabulary import ProcessId

_SHARDS = 4096


def takers(**weights: int) -> list[Taker]:
    return [Taker(ProcessId(f"p_{name}"), weight) for name, weight in weights.items()]


def owners(*wanted: Taker, shards: int = _SHARDS) -> tuple[ProcessId, ...]:
    return at_once(Rendezvous(shards).owners(wanted))


def test_every_process_computes_the_same_in_whatever_order_it_hears() -> None:
    three = takers(a=100, b=100, c=50)
    assert owners(*three) == owners(*reversed(three))


def test_shares_are_in_proportion_to_the_weights() -> None:
    counts = Counter(owners(*takers(a=300, b=100, c=0)))
    assert counts.keys() == {"p_a", "p_b"}
    assert 0.72 < counts[ProcessId("p_a")] / _SHARDS < 0.78


def test_where_nobody_has_a_weight_all_share_equally() -> None:
    counts = Counter(owners(*takers(a=0, b=0)))
    assert 0.47 < counts[ProcessId("p_a")] / _SHARDS < 0.53
    assert owners() == ()


def test_a_process_that_joins_takes_only_its_own_and_gives_back_only_its_own() -> None:
    before = owners(*takers(a=100, b=100))
    after = owners(*takers(a=100, b=100, c=100))
    moved = [place for place in range(_SHARDS) if before[place] != after[place]]
    assert {after[place] for place in moved} == {"p_c"}
    assert 0.30 < len(moved) / _SHARDS < 0.37


def test_what_was_computed_is_kept_until_the_processes_change() -> None:
    rendezvous = Rendezvous(_SHARDS)
    two, three = takers(a=100, b=100), takers(a=100, b=100, c=100)
    assert steps_of(rendezvous.owners(two)) > 8, "a step is a thousand shards"
    assert steps_of(rendezvous.owners(two)) == 0
    assert 0 < steps_of(rendezvous.owners(three)) <= 10, "one process's distances, and the choice"
    assert at_once(rendezvous.owners(two)) == owners(*two)


def steps_of(steps: Steps[tuple[ProcessId, ...]]) -> int:
    return sum(1 for _ in steps)
