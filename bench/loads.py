"""What is asked of the targets: the loads by name, and how a request for one is written on either wire."""

import enum
import json
from dataclasses import dataclass, replace

MODEL = "mix/qwen-3-235b-instruct"
# A prompt as an assistant's first turn has it; its bytes cost every target the same reading.
_SYSTEM = "You are a careful assistant. Answer briefly, in plain words, and say so when you do not know. " * 4


class Dialect(enum.StrEnum):
    """Whose request a target understands."""

    CHAT = "chat"
    """OpenAI's: the adapters."""
    MIX = "mix"
    """The site's own: the mock itself, and nginx, which only passes on."""
    RESPONSES = "responses"
    """OpenAI's Responses API."""


@dataclass(frozen=True, slots=True)
class Load:
    """A load: so many connections, each with the next stream as soon as its last one has ended."""

    name: str
    says: str
    """For the report: what it is, in one line."""
    connections: int
    streams: int
    """In all, over all connections."""
    slow_streams: int
    """The same for LiteLLM, whose CPU per unit is tens of times higher: its units are still thousands."""
    chunks: int
    pause_us: int = 0
    stream: bool = True
    times: bool = False
    """Whether arrival times are kept. They cost the load generator most of its time, so not in saturated loads."""
    limit_s: float = 60.0
    at_once: bool = False
    """A burst: one stream a connection, all begun at the same moment; else starts are spread over a stream's length."""
    uneven: bool = False
    """Whether each pause is drawn anew, from half of `pause_us` to one and a half."""
    connects: bool = False
    """A burst whose connections are opened in that moment too; else they stand before it."""

    def quick(self) -> "Load":
        """The same with as few streams as still keep every connection busy; of a burst an eighth, and shorter ones."""
        least = 1 if self.at_once else self.connections
        return replace(
            self,
            streams=max(least, self.streams // 8),
            slow_streams=max(least, self.slow_streams // 8),
            chunks=self.chunks // 3 if self.at_once else self.chunks,
        )


SATURATED = Load(
    name="saturated",
    says="32 connections, streams of 200 chunks of 40 bytes, one frame per upstream write, no pause",
    connections=32,
    streams=320,
    slow_streams=32,
    chunks=200,
)
PACED = Load(
    name="paced",
    says="32 streams at once, 20 ms between chunks, 50 chunks each, their starts spread over one stream's length",
    connections=32,
    streams=96,
    slow_streams=96,
    chunks=50,
    pause_us=20_000,
    times=True,
)
LOW = Load(
    name="low",
    says="1 connection, one stream after the other, 10 chunks each, 5 ms apart",
    connections=1,
    streams=60,
    slow_streams=60,
    chunks=10,
    pause_us=5_000,
    times=True,
)
NON_STREAMING = Load(
    name="non-streaming",
    says="32 connections, 20 upstream frames an answer, answered as one body",
    connections=32,
    streams=1600,
    slow_streams=192,
    chunks=20,
    stream=False,
)
MANY = Load(
    name="many",
    says="512 streams at once, 20 ms between chunks, 64 chunks each, their starts spread over one stream's length",
    connections=512,
    streams=512,
    # LiteLLM passes some 700 chunks a second.
    slow_streams=64,
    chunks=64,
    pause_us=20_000,
    times=True,
)
"""More chunks a second than one process of an adapter passes on: what it cannot pass at once it has to join. A target that
leaves Nagle's algorithm on shows a plateau at 40 ms here, the kernel's delay of an acknowledgement."""
ALL = (SATURATED, PACED, LOW, NON_STREAMING, MANY)
"""What every round asks of every target."""

BURST = Load(
    name="burst",
    says="2,000 open connections, each asks for a stream at the same moment; 10 chunks, 1 s apart",
    connections=2000,
    streams=2000,
    # A tenth: opening 2,000 one after the other takes LiteLLM a minute.
    slow_streams=200,
    # Ten seconds a stream: the first has not ended when the last begins, so all 2,000 are open together. At a chunk a
    # second they want 2,000 chunks a second, half of what one process can do, so opening is what is measured.
    chunks=10,
    pause_us=1_000_000,
    at_once=True,
)
CONNECTING_BURST = replace(
    BURST,
    name="connecting burst",
    says="the same, and the connections are opened in that moment as well",
    connects=True,
)
BURSTS = (BURST, CONNECTING_BURST)
"""Asked in few rounds only: each takes a stream's ten seconds and more."""


def order(chunks: int, pause_us: int, *, hold: bool = False, uneven: bool = False) -> str:
    """The words by which a prompt tells the mock what to send. A held stream says one chunk and then nothing."""
    return f"bench:{2 if hold else chunks}:{pause_us}" + (":hold" if hold else ":uneven" if uneven else "")


def request_bytes(dialect: Dialect, key: str, prompt: str, *, stream: bool, headers: str = "") -> bytes:
    """A whole HTTP/1.1 request, the same bytes each time."""
    messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": prompt}]
    body: dict[str, object]
    match dialect:
        case Dialect.CHAT:
            path, body = "/v1/chat/completions", {"model": MODEL, "stream": stream, "messages": messages}
        case Dialect.RESPONSES:
            path, body = "/v1/responses", {"model": MODEL, "stream": stream, "input": messages}
        case Dialect.MIX:
            path = "/v2/chats"
            asked = {"agent_slug": "web-general", "model_slug": MODEL.partition("/")[2], "query": prompt}
            body = {"request": asked, "is_personalized": True, "stream": stream, "messages": messages}
    payload = json.dumps(body, separators=(",", ":")).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        f"accept: */*\r\nauthorization: Bearer {key}\r\n{headers}content-length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload
