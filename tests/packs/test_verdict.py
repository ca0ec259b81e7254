"""What blocks a release, one reason at a time."""

import pytest
from attrs import evolve

from mix2api.packs.case import Case, Pack
from mix2api.packs.running import Outcome, Result
from mix2api.packs.verdict import Asked, Block, Found, block_of, line_of
from mix2api.vocabulary import Channel


def _result(pack: Pack, outcome: Outcome) -> Result:
    return Result(case=Case(id=f"{pack}-x", title="", steps=(), judge=lambda _: iter(())), outcome=outcome)


ASKED = Asked(channel=Channel.CANARY, version="1.0")
GOOD = Found(
    results=tuple(_result(pack, Outcome.PASSED) for pack in Pack),
    version="1.0",
    channel="canary",
    has_document=True,
)


def test_a_release_with_nothing_against_it_passes() -> None:
    assert block_of(ASKED, GOOD) is None
    assert line_of(None) == "gate=PASS"
    skipped = (*GOOD.results, _result(Pack.A, Outcome.SKIPPED))
    assert block_of(ASKED, evolve(GOOD, results=skipped)) is None


def test_the_version_local_is_any() -> None:
    assert block_of(evolve(ASKED, version="local"), evolve(GOOD, version="2.0")) is None


@pytest.mark.parametrize(
    ("found", "block"),
    [
        (evolve(GOOD, version=None), Block.NOT_REACHABLE),
        (evolve(GOOD, version="2.0"), Block.OTHER_VERSION),
        (evolve(GOOD, channel="stable"), Block.OTHER_CHANNEL),
        (evolve(GOOD, results=(*GOOD.results, _result(Pack.C, Outcome.FAILED))), Block.REGRESSION),
        (evolve(GOOD, results=()), Block.NOTHING_JUDGED),
        (evolve(GOOD, results=(*GOOD.results[:2], _result(Pack.C, Outcome.SKIPPED))), Block.NOTHING_JUDGED),
        (evolve(GOOD, has_document=False), Block.NO_DOCUMENT),
        (evolve(GOOD, breaking=("a route is gone",)), Block.BREAKING_CHANGE),
    ],
)
def test_each_reason_blocks_alone(found: Found, block: Block) -> None:
    assert block_of(ASKED, found) is block
    assert line_of(block) == f"gate=BLOCK reason={block.value}"
