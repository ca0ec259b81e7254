"""The weights that a gateway in front is to give to the edges of both channels, and what became of telling it. Pure (ADR 102)."""

from typing import Final

from attrs import frozen
from msgspec import Struct

from mix2api.release.release import ReleaseState
from mix2api.release.stages import Stage

_ALL: Final = 100


@frozen
class Weights:
    """Of the stable edges and of the canary's, 100 together."""

    stable: int
    canary: int


def weights_of(state: ReleaseState, stable_versions: frozenset[str]) -> Weights:
    """The weights at a stage.

    A promoted release gives them back to the stable edges once all of them run its version: then the canary may stop.

    Args:
        state: the release that stands.
        stable_versions: those of the live stable processes.
    """
    is_replaced = state.stage is Stage.PROMOTED and stable_versions == {state.version}
    canary = 0 if is_replaced else state.percent
    return Weights(_ALL - canary, canary)


class GatewayNews(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of telling the gateway the weights of one stage."""

    number: int
    """Of the release's event that the weights follow."""
    release: str
    at_ms: int
    """Unix milliseconds, on the store's clock."""
    who: str
    """The guard, or the command's `--who`."""
    stable: int
    canary: int
    fault: str = ""
    """Why the gateway does not have the weights, in one line. Empty: it has them."""

    def tells(self, state: ReleaseState, weights: Weights) -> bool:
        """Whether the gateway has these weights, for this event, already."""
        told = (self.number, Weights(self.stable, self.canary))
        return not self.fault and told == (state.number, weights)

    def repeats(self, other: "GatewayNews | None") -> bool:
        """Whether another attempt came to the same."""
        return other is not None and (self.number, self.stable, self.canary, self.fault) == (
            other.number,
            other.stable,
            other.canary,
            other.fault,
        )

    @property
    def line(self) -> str:
        """For a person."""
        weights = f"weight {self.stable} for stable and {self.canary} for the canary"
        return f"new-api does not have {weights}: {self.fault}" if self.fault else f"new-api has {weights}"
