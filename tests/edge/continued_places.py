"""An edge that finds the sessions of requests, over an index in memory, and the realms that it keeps apart."""

from typing import Any

from attrs import define, field
from histories import Given, answer, messages, user

from mix2api.clock import SystemClock
from mix2api.edge.continuing import Continuing, Found
from mix2api.edge.seen_realms import SeenRealms
from mix2api.identity import Mint
from mix2api.sealing import Seal
from mix2api.sessions.lineage import answered_steps
from mix2api.sessions.prepared_turn import prepare
from mix2api.sessions.resolution import Reuse
from mix2api.sessions.sites import Site, Sites
from mix2api.steps import at_once
from mix2api.store.memory import MemorySessionIndex
from mix2api.vocabulary import Digest, SessionId, Shard
from mix2api.wire.turn import Turn

SEAL = Seal(b"the secret of these tests")
MINT = Mint(SEAL, SystemClock())
ALICE, BOB = Digest("a" * 32), Digest("b" * 32)
READ = {"type": "function", "function": {"name": "read"}}
WRITE = {"type": "function", "function": {"name": "write"}}
SYSTEM = {"role": "system", "content": "be brief"}
OPENING = [SYSTEM, user("one")]
CONTINUED = [*OPENING, answer("hello"), user("two")]
OTHER_REALM: dict[str, dict[str, Any]] = {
    "another model": {"model": "mix/two"},
    "another persona": {"persona_id": "p"},
    "other tools": {"tools": [READ]},
    "no tools": {"tools": None},
    "another caller": {"isolation": BOB},
    "a working session of the client's": {"headers": {"x-session-affinity": "w"}},
    "Claude Code's session": {"headers": {"x-claude-code-session-id": "w"}},
    "Codex's session": {"headers": {"session-id": "w"}},
    "Codex's thread": {"headers": {"thread-id": "w"}},
    "a session id that is none of ours": {"headers": {"x-session-id": "mine"}},
}


@define(eq=False)
class Place:
    """An edge's resolution over an index in memory."""

    reuse: Reuse = Reuse.LINEAGE
    site: str = "site"
    index: Any = field(factory=MemorySessionIndex)
    seen: SeenRealms = field(factory=SeenRealms)
    fallbacks: int = 0

    async def find(self, *given: Given, **fields: Any) -> Found:
        """Resolves a request. Fields are the turn's, and `headers`, `isolation`, `keyed`."""
        headers = {name.encode(): value.encode() for name, value in fields.pop("headers", {}).items()}
        isolation, keyed = fields.pop("isolation", ALICE), fields.pop("keyed", False)
        turn = Turn(**({"model": "mix/one", "messages": messages(*given), "tools": [READ, WRITE]} | fields))
        continuing = Continuing(
            self.index,
            SEAL,
            MINT,
            self.reuse,
            Sites.single(Site(digest=SEAL.digest(self.site, "site"))),
            lambda: Shard(3),
            self._count,
            seen=self.seen,
        )
        return await continuing.find(prepare(turn), headers, isolation, keyed=keyed)

    async def waiting(self, *given: Given, said: str = "hello", **fields: Any) -> SessionId:
        """A session that answered a request so, and waits for the next."""
        found = await self.find(*given, **fields)
        session = MINT.session_id(Shard(3))
        (message,) = messages(answer(said))
        for at in at_once(answered_steps(found.lineage, message, SEAL.digester("lineage"))):
            self.index.world.waiting.setdefault(at, []).append(session)
        return session

    def _count(self) -> None:
        self.fallbacks += 1
