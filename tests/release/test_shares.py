"""Which shards each channel has: what the release says, as far as processes live that could own them."""

from itertools import pairwise

import pytest

from mix2api.release.shares import Division, divided
from mix2api.vocabulary import Channel, Shard

BOTH = frozenset(Channel)
STABLE, CANARY = frozenset({Channel.STABLE}), frozenset({Channel.CANARY})


@pytest.mark.parametrize(("percent", "canary"), [(0, 0), (5, 13), (20, 52), (50, 128), (100, 256), (None, 0)])
def test_both_channels_have_their_part_and_together_everything(percent: int | None, canary: int) -> None:
    division = divided(256, percent, BOTH)
    assert (division.canary_shards, division.percent) == (canary, percent or 0)
    assert [*division.of(Channel.CANARY), *division.of(Channel.STABLE)] == list(range(256))
    for channel in Channel:
        assert {division.channel_of(Shard(number)) for number in division.of(channel)} <= {channel}


def test_a_step_forward_moves_no_shard_back() -> None:
    parts = [set(divided(256, percent, BOTH).of(Channel.CANARY)) for percent in (0, 5, 20, 50, 100)]
    assert all(smaller < larger for smaller, larger in pairwise(parts))


@pytest.mark.parametrize("percent", [1, 5, 50, 99])
def test_with_few_shards_no_channel_that_has_a_share_is_without_one(percent: int) -> None:
    assert all(divided(2, percent, BOTH).of(channel) for channel in Channel)


def test_a_channel_without_processes_leaves_its_part_to_the_other_one() -> None:
    assert divided(8, 100, STABLE) == Division(shards=8, canary_shards=0, percent=0)
    assert divided(8, 5, STABLE).percent == 0
    assert divided(8, 5, CANARY) == Division(shards=8, canary_shards=8, percent=100)
    assert divided(8, 5, frozenset()).percent == 0


def test_at_0_percent_the_canary_gets_nothing_even_where_no_stable_process_lives() -> None:
    assert divided(8, 0, CANARY) == Division(shards=8, canary_shards=0, percent=0)


def test_where_no_release_was_recorded_the_canary_serves_only_alone() -> None:
    assert divided(8, None, CANARY).percent == 100
    assert divided(8, None, BOTH).percent == 0
    assert divided(8, None, frozenset()).percent == 0
