"""Inputs that went wrong once (`tests/data/cases`), and a site that answers with the bytes of one."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio
from attrs import define, field

_CASES = Path(__file__).parent / "data" / "cases"
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def case_bytes(name: str) -> bytes:
    """The file of a case."""
    return (_CASES / name).read_bytes()


def case_answer(name: str) -> bytes:
    """A site's answer, with its head where the file has none."""
    content = case_bytes(name)
    return content if content.startswith(b"HTTP/1.1") else _STREAM_HEAD + content


def json_answer(body: bytes, status: str = "200 OK") -> bytes:
    """A site's whole answer."""
    return b"HTTP/1.1 %b\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n%b" % (
        status.encode(),
        body,
    )


def stream_answer(*payloads: str) -> bytes:
    """A site's stream of these payloads."""
    return _STREAM_HEAD + "".join(f"data: {payload}\n\n" for payload in payloads).encode()


@define(eq=False)
class CannedSite:
    """A site that reads requests and answers each with the next of its answers, the last one for ever."""

    answers: list[bytes]
    url: str = ""
    requests: list[bytes] = field(factory=list)
    """Whole requests, in order."""

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            request = b""
            while not _is_whole(request):
                data = await stream.receive_some()
                if not data:
                    return
                request += data
            self.requests.append(request)
            await stream.send_all(self.answers[min(len(self.requests), len(self.answers)) - 1])


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    lengths = [
        line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
    ]
    return bool(end) and len(body) >= int(lengths[0] if lengths else 0)


@asynccontextmanager
async def canned_site(*answers: bytes) -> AsyncIterator[CannedSite]:
    """Serves on a free port of the loopback."""
    site = CannedSite(list(answers))
    async with trio.open_nursery() as nursery:
        listeners: Sequence[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, site.serve, 0, host="127.0.0.1")
        )
        site.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        yield site
        nursery.cancel_scope.cancel()
