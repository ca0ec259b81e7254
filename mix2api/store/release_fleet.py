"""The processes of both channels, as far as a release has to know them: their versions, their shards, and what they lack."""

from typing import Any, Final

import trio
from attrs import frozen

from mix2api.release.release import StepRefused
from mix2api.release.shares import divided
from mix2api.store.census import Counted, CountedProcess
from mix2api.store.store import Store
from mix2api.vocabulary import Channel

SETTLED_S: Final = 60.0
"""How long a rollback waits until the canary owns no shard. It takes a third of a lease while all processes live."""
_LOOK_S: Final = 0.2


@frozen
class Left:
    """What the canary still has."""

    shards: int
    runs: int


@frozen
class Fleet:
    """The live processes of a deployment.

    Args:
        counted: the deployment.
    """

    counted: Counted

    def of(self, channel: Channel) -> list[CountedProcess]:
        """The processes of a channel."""
        return [one for one in self.counted.processes if one.channel == channel]

    @property
    def stable_version(self) -> str:
        """The version of the stable processes; all of them, where they differ."""
        return self._versions(Channel.STABLE)

    def check(self, version: str) -> None:
        """Sees that the processes can follow a release of that version.

        Raises:
            StepRefused: they cannot; the line says which.
        """
        strangers = [one.process for one in self.counted.processes if not one.follows_release]
        if strangers:
            raise StepRefused(
                f"these processes are of a version that does not follow releases: {', '.join(strangers)}"
            )
        if not any(one.takes for one in self.of(Channel.STABLE)):
            raise StepRefused("no live process of channel stable takes shards")
        canary = self.of(Channel.CANARY)
        others = sorted({one.version for one in canary if one.version != version})
        if others:
            raise StepRefused(
                f"channel canary also runs version {', '.join(others)}, and the release is of {version}"
            )
        if not any(one.takes for one in canary):
            raise StepRefused(f"no live process of channel canary and version {version} takes shards")

    def check_followed(self, percent: int) -> None:
        """Sees that the canary owns what the last step gave it. A second step in the same breath does not pass.

        Args:
            percent: of fresh sessions, as the release says.

        Raises:
            StepRefused: it owns more or less.
        """
        given = divided(self.counted.shards, percent, frozenset(Channel)).canary_shards
        if self.left.shards != given:
            raise StepRefused(
                "the processes have not followed the last step yet: "
                f"the canary owns {self.left.shards} of the {given} shards that it is to have"
            )

    @property
    def left(self) -> Left:
        """What the canary has."""
        canary = self.of(Channel.CANARY)
        return Left(sum(one.shards for one in canary), sum(one.runs or 0 for one in canary))

    @property
    def facts(self) -> dict[str, Any]:
        """Both channels, for JSON."""
        return {
            channel.value: {
                "versions": sorted({one.version for one in self.of(channel)}),
                "processes": len(self.of(channel)),
                "shards": sum(one.shards for one in self.of(channel)),
                "runs": sum(one.runs or 0 for one in self.of(channel)),
            }
            for channel in Channel
        }

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """Both channels, for a table: channel, versions, processes, shards, runs."""
        return [
            (channel, ", ".join(told["versions"]) or "-", *(str(told[n]) for n in _COUNTS))
            for channel, told in self.facts.items()
        ]

    def _versions(self, channel: Channel) -> str:
        return ", ".join(sorted({one.version for one in self.of(channel)}))


_COUNTS: Final = ("processes", "shards", "runs")


async def until_without_shards(store: Store) -> tuple[float, Left]:
    """Waits until the canary owns no shard, for `SETTLED_S` at most; gives the seconds that it took, and what is left.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    began_s = trio.current_time()
    while True:
        left, took_s = Fleet(await store.census.take()).left, trio.current_time() - began_s
        if not left.shards or took_s > SETTLED_S:
            return took_s, left
        await trio.sleep(_LOOK_S)
