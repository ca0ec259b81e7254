"""The channel and the shard of a fresh session."""

from collections import Counter

from actor_parts import CLOCK, SEAL
from attrs import define, field

from mix2api.identity import Mint
from mix2api.randomness import Randomness
from mix2api.relay.fresh_shards import FreshShards
from mix2api.release.shares import Division, divided
from mix2api.vocabulary import Channel, Shard

BOTH = frozenset(Channel)


@define
class Drawn:
    """Random bytes that come again."""

    count: int = field(default=0)

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return b"".join((self.count * 7919 + place * 104_729).to_bytes(8)[-1:] for place in range(size))


def fresh(division: Division) -> FreshShards:
    return FreshShards(Mint(SEAL, CLOCK, Randomness(Drawn())), lambda: division)


def test_of_a_thousand_sessions_the_canary_gets_its_percentage() -> None:
    for percent in (5, 20, 50):
        drawing = fresh(divided(256, percent, BOTH))
        counts = Counter(drawing.channel() for _ in range(1_000))
        assert abs(counts[Channel.CANARY] - 10 * percent) <= 40, percent


def test_at_0_and_at_100_percent_nothing_is_left_to_chance() -> None:
    assert {fresh(divided(8, 0, BOTH)).channel() for _ in range(1_000)} == {Channel.STABLE}
    assert {fresh(divided(8, 100, BOTH)).channel() for _ in range(1_000)} == {Channel.CANARY}


def test_a_shard_is_drawn_of_the_channel_s_own() -> None:
    division = divided(8, 50, BOTH)
    drawing = fresh(division)
    for channel in Channel:
        assert {drawing.of(channel) for _ in range(200)} == set(division.of(channel))


def test_a_shard_whose_server_is_away_begins_no_session_while_there_are_others() -> None:
    away = {Shard(number) for number in range(4)}
    mint = Mint(SEAL, CLOCK, Randomness(Drawn()))
    drawing = FreshShards(mint, lambda: divided(8, None, BOTH), away.__contains__)
    assert {drawing.of(Channel.STABLE) for _ in range(200)} == {4, 5, 6, 7}
    away.update(Shard(number) for number in range(8))
    assert drawing.of(Channel.STABLE) in range(8), "whoever submits the turn hears that its server is away"
