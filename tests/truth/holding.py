"""Clients that hold paced streams: whose stream has ended begins the next one, so that always as many are open."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import h11
import trio
from attrs import define, field
from wire_client import WireClient

from mix2api.demo import answer_text

_OK: Final = 200
_STAGGER_S: Final = 0.005
"""Between two first requests: 2,000 begin within ten seconds, which two processes can accept beside their streams."""
_CALLERS: Final = 20


@define(eq=False)
class Holders:
    """All clients.

    Args:
        port: of the edges.
        streams: how many are open at once.
        chunks: of a stream.
        pace_ms: between two chunks.
    """

    port: int
    streams: int
    chunks: int
    pace_ms: int
    whole: int = 0
    """Streams that were read to their finish, and had the very text that the site said."""
    chunks_read: int = 0
    """Those of whole streams."""
    wrong: list[str] = field(factory=list)
    """What any other stream was."""
    open: set[str] = field(factory=set)
    """Prompts of streams whose text has begun."""
    _standing: trio.Event = field(factory=trio.Event)
    _over: bool = False

    async def wait_standing(self) -> None:
        """Waits until all streams have begun, for the first time."""
        await self._standing.wait()

    def finish(self) -> None:
        """Who has its answer asks no more."""
        self._over = True

    async def hold(self) -> None:
        """Holds all streams, until `finish` was called and every stream has ended."""
        async with trio.open_nursery() as nursery:
            for number in range(self.streams):
                nursery.start_soon(self._hold_one, number)
                await trio.sleep(_STAGGER_S)

    async def _hold_one(self, number: int) -> None:
        # The first streams are of all lengths. Later ones then begin one by one, as the streams of a service do.
        chunks = 1 + self.chunks + self.chunks * number // self.streams
        life = 0
        while not self._over:
            life += 1
            prompt = f"stream {number}, life {life} [[chunks:{chunks}]] [[pace:{self.pace_ms}]]"
            try:
                await self._read(prompt, WireClient(self.port, f"sk-{number % _CALLERS}"), chunks)
            except (OSError, trio.BrokenResourceError, h11.RemoteProtocolError, AssertionError) as fault:
                self.wrong.append(f"{prompt}: {fault!r}")
            finally:
                self.open.discard(prompt)
            chunks = self.chunks

    async def _read(self, prompt: str, client: WireClient, chunks: int) -> None:
        async with client.asking(prompt, stream=True) as asked:
            head = await asked.head()
            assert head.status_code == _OK, head
            await asked.read_until(lambda body: b'"content"' in body)
            self.open.add(prompt)
            if len(self.open) == self.streams:
                self._standing.set()
            answer = await asked.rest(head)
        text = answer.text()
        if (
            answer.payloads()[-1] == "[DONE]"
            and answer.finish_reason() == "stop"
            and text == answer_text(prompt)
        ):
            self.whole += 1
            self.chunks_read += chunks
        else:
            self.wrong.append(f"{prompt}: {answer.body[-300:]!r} after {len(text)} characters")


def counted(words: Sequence[str]) -> str:
    """How often each word is there, the most frequent first."""
    return ", ".join(f"{word} {count}" for word, count in Counter(words).most_common())
