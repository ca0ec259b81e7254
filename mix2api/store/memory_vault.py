"""The vault of tests and of a process by itself: the same promises as in Redis, without a store."""

import trio
from attrs import define, field

from mix2api.vault import Claim, Granted, Held, Kept, Paused
from mix2api.vocabulary import Digest

_LONGEST_WAIT_S = 1.0


@define(eq=False)
class _Compartment:
    kept: Kept | None = None
    kept_until: float = 0.0
    granted: str | None = None
    """The right that stands."""
    granted_until: float = 0.0
    paused: str = ""
    paused_until: float = 0.0
    count: int = 0
    """Rights granted so far."""
    failures: int = 0
    news: trio.Event = field(factory=trio.Event)
    said: int = 0

    def is_latest(self, generation: str) -> bool:
        return generation.rpartition(":")[2] == str(self.count)

    def tell(self) -> None:
        self.granted = None
        self.said += 1
        self.news.set()
        self.news = trio.Event()


@define(eq=False)
class MemoryVault:
    """`mix2api.vault.Vault` on trio's clock."""

    _compartments: dict[Digest, _Compartment] = field(factory=dict)

    async def claim(self, name: Digest, spent: str | None, life_ms: int) -> Claim:
        """The newest value, or who is to fetch one."""
        await trio.lowlevel.checkpoint()
        found, now = self._of(name), trio.current_time()
        if found.kept is not None and found.kept.generation != spent and now < found.kept_until:
            return found.kept
        if now < found.paused_until:
            return Paused(_ms(found.paused_until - now), found.paused)
        if found.granted is not None and now < found.granted_until:
            return Held(_ms(found.granted_until - now), str(found.said))
        found.count += 1
        found.granted, found.granted_until = f"memory:{found.count}", now + life_ms / 1000
        return Granted(found.granted, found.failures)

    async def publish(self, name: Digest, generation: str, payload: bytes, life_ms: int) -> bool:
        """Keeps a value and wakes all who wait."""
        await trio.lowlevel.checkpoint()
        found = self._of(name)
        if not found.is_latest(generation):
            return False
        found.kept, found.kept_until = Kept(generation, payload), trio.current_time() + life_ms / 1000
        found.failures, found.paused_until = 0, 0.0
        found.tell()
        return True

    async def fail(self, name: Digest, generation: str, why: str, pause_ms: int) -> None:
        """Gives the right back for a pause."""
        await trio.lowlevel.checkpoint()
        found = self._of(name)
        if found.is_latest(generation):
            found.failures += 1
            found.paused, found.paused_until = why, trio.current_time() + pause_ms / 1000
            found.tell()

    async def release(self, name: Digest, generation: str) -> None:
        """Gives the right back unused."""
        await trio.lowlevel.checkpoint()
        found = self._of(name)
        if found.granted == generation:
            found.tell()

    async def wait_news(self, name: Digest, held: Held) -> None:
        """Waits for what is said after that claim; returns without news after a second at most."""
        found = self._of(name)
        if str(found.said) != held.news:
            await trio.lowlevel.checkpoint()
            return
        with trio.move_on_after(min(_LONGEST_WAIT_S, held.left_ms / 1000)):
            await found.news.wait()

    def _of(self, name: Digest) -> _Compartment:
        return self._compartments.setdefault(name, _Compartment())


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
