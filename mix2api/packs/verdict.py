"""Whether a release passes: what the gate concludes from its evidence. Pure."""

from collections.abc import Sequence
from enum import StrEnum

from attrs import field, frozen

from mix2api.packs.running import Outcome, Result
from mix2api.vocabulary import Channel

LOCAL = "local"
"""The version that stands for any."""


class Block(StrEnum):
    """Why a release is blocked. The gate reports the first reason that holds."""

    NOT_REACHABLE = "not_reachable"
    """The endpoint does not give its version and channel (`/health`)."""
    OTHER_VERSION = "other_version"
    OTHER_CHANNEL = "other_channel"
    REGRESSION = "regression_failed"
    NOTHING_JUDGED = "nothing_judged"
    """A pack has no case that was run."""
    NO_DOCUMENT = "no_document"
    """The endpoint serves no OpenAPI document."""
    BREAKING_CHANGE = "breaking_change"


@frozen(kw_only=True)
class Asked:
    """The release that is to pass."""

    channel: Channel
    version: str
    """`local`: any version."""


@frozen(kw_only=True)
class Found:
    """The evidence."""

    results: Sequence[Result] = ()
    version: str | None = None
    """As the endpoint tells it; None: it cannot be reached."""
    channel: str | None = None
    has_document: bool = False
    breaking: Sequence[str] = field(factory=tuple)
    """Changes of the OpenAPI document that break clients of the last release."""


def block_of(asked: Asked, found: Found) -> Block | None:
    """Why the release is blocked; None if it passes."""
    judged = {result.case.pack for result in found.results if result.outcome is not Outcome.SKIPPED}
    packs = {result.case.pack for result in found.results}
    reasons = (
        (found.version is None, Block.NOT_REACHABLE),
        (asked.version not in {LOCAL, found.version}, Block.OTHER_VERSION),
        (found.channel != asked.channel.value, Block.OTHER_CHANNEL),
        (any(result.outcome is Outcome.FAILED for result in found.results), Block.REGRESSION),
        (not packs or packs != judged, Block.NOTHING_JUDGED),
        (not found.has_document, Block.NO_DOCUMENT),
        (bool(found.breaking), Block.BREAKING_CHANGE),
    )
    return next((block for holds, block in reasons if holds), None)


def line_of(block: Block | None) -> str:
    """The gate's last line."""
    return "gate=PASS" if block is None else f"gate=BLOCK reason={block}"
