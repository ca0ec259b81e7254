"""What runs leave in Redis: bytes per session, per further run of a session, and so per day.

Memory is the growth of `used_memory` over some hundred runs, which has allocator and dictionaries in it; the growth
of the keys by `MEMORY USAGE` tells which kind it is. A day is `RUNS_PER_DAY` runs, one a second.
"""

import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path

from loads import MODEL, Load, order
from results import Footprint
from rounds import generate
from store import connect, disk_bytes, memory_by_kind, used_memory
from targets import Target

RUNS_PER_DAY = 86_400
# Longer than any window in which events are collected before they are written.
_SETTLE_S = 1.0

_SHORT = Load(
    name="short",
    says="fresh sessions of one run, 20 chunks at once",
    connections=16,
    streams=512,
    slow_streams=0,
    chunks=20,
)
_SECOND = Load(
    name="second",
    says="fresh sessions of one run, 50 chunks in a second",
    connections=64,
    streams=256,
    slow_streams=0,
    chunks=50,
    pause_us=20_000,
)
_CHAINS, _TURNS = 32, 5
FURTHER = "further"


def _grown(data: Path, work: Callable[[], int], name: str, says: str, unit: str) -> Footprint:
    client = connect(data)
    memory, disk, keys = used_memory(client), disk_bytes(data), memory_by_kind(client)
    units = work()
    time.sleep(_SETTLE_S)
    grown = memory_by_kind(client)
    grown.subtract(keys)
    return Footprint(
        name=name,
        says=says,
        units=units,
        unit=unit,
        memory_bytes=used_memory(client) - memory,
        disk_bytes=disk_bytes(data) - disk,
        keys=dict(sorted(grown.items())),
    )


def _loaded(target: Target, load: Load) -> Callable[[], int]:
    def work() -> int:
        result = generate(load, target, load.streams)
        return result.requests - result.failed

    return work


class Conversation:
    """A client that sends its whole history each turn, as all of them do."""

    def __init__(self, target: Target, number: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=30)
        self._key = target.key
        self._messages = [{"role": "user", "content": f"Conversation {number}. {order(20, 0)}"}]

    def turn(self) -> None:
        """One turn, and the next question behind its answer."""
        body = json.dumps({"model": MODEL, "stream": False, "messages": self._messages})
        headers = {"content-type": "application/json", "authorization": f"Bearer {self._key}"}
        self._connection.request("POST", "/v1/chat/completions", body, headers)
        answer = json.loads(self._connection.getresponse().read())
        said = answer["choices"][0]["message"]["content"]
        self._messages.append({"role": "assistant", "content": said})
        self._messages.append({"role": "user", "content": f"And then? {order(20, 0)}"})

    def close(self) -> None:
        """Closes its connection."""
        self._connection.close()


def measure_footprints(target: Target, data: Path) -> list[Footprint]:
    """All footprints of a running product with its store in `data`."""
    found = [
        _grown(data, _loaded(target, load), load.name, load.says, "session") for load in (_SHORT, _SECOND)
    ]
    conversations = [Conversation(target, number) for number in range(_CHAINS)]
    try:
        for conversation in conversations:
            conversation.turn()
        time.sleep(_SETTLE_S)

        def work() -> int:
            for conversation in conversations * (_TURNS - 1):
                conversation.turn()
            return _CHAINS * (_TURNS - 1)

        says = f"further turns of a conversation ({_TURNS} in all), not streamed"
        found.append(_grown(data, work, FURTHER, says, "run"))
    finally:
        for conversation in conversations:
            conversation.close()
    return found
