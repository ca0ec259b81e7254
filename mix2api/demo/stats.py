"""What the demo site has counted, and a way to wait for a count without polling."""

from collections.abc import Callable

import attrs
import trio


def _wake(stats: "Stats", _: "attrs.Attribute[int]", value: int) -> int:
    stats.waiting.unpark_all()
    return value


@attrs.define(on_setattr=_wake, eq=False)
class Stats:
    """Counts since the start or the last reset; every assignment wakes the waiting tasks."""

    waiting: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, repr=False, on_setattr=attrs.setters.frozen
    )
    connections: int = 0
    """TCP connections accepted."""
    requests: int = 0
    """Chat requests whose body could be read, refused ones among them."""
    open_streams: int = 0
    """Chat requests being answered now."""
    cut_by_client: int = 0
    """Chat requests whose client went away before the last byte was written."""
    overflows: int = 0
    """Turns refused because the session would have held more than the context window."""
    logins: int = 0
    """Tokens given out."""

    def counts(self) -> dict[str, int]:
        """All counts by name."""
        return {name: getattr(self, name) for name in COUNTS}

    def reset(self) -> None:
        """Sets all counts to 0, except `open_streams`, which is a figure of this moment."""
        self.connections = self.requests = self.cut_by_client = self.overflows = self.logins = 0

    async def wait_until(self, holds: Callable[["Stats"], bool]) -> None:
        """Waits until `holds` is true of the counts. Has no deadline: the caller has."""
        while not holds(self):
            await self.waiting.park()


COUNTS: tuple[str, ...] = tuple(at.name for at in attrs.fields(Stats) if at.name != "waiting")
