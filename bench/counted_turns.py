"""What counting costs a served turn: CPU of warm turns of a long conversation, and the delay of other streams' chunks.

    python bench/counted_turns.py [--turns N] [--seconds N]

Two servers stand side by side, one that counts and one that does not (`MIX2API_BUDGET=false`), before one demo site. Turns go
to them in turn, so that a busy machine slows both alike. A chunk's delay is how much later than its pace it came; it is taken
while nothing else is asked, and while new texts of 400 kB come. The site never gets these, for it has one process, too: the
counting server refuses them once they are counted, the other one for a bad field. Nothing is written; tables go to the screen.
"""

import argparse
import contextlib
import http.client
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loads import MODEL
from measure import cpu_ns
from processes import free_port, running

HISTORY_CHARS, MESSAGES = 400_000, 200
NEW_CHARS = (200, 2000)
SMALL = "mix/small"
STREAMS, PACE_MS, CHUNKS = 8, 20, 1500
COUNTING, BLIND = "counting", "not counting"
SOURCES = "".join(
    path.read_text() for path in sorted((Path(__file__).parent.parent / "mix2api").rglob("*.py"))
)
DRAWN = random.Random(20_261_130)  # noqa: S311 - the same texts in every run


def text(chars: int) -> str:
    """New text: a piece of our own sources behind a number, unlike any other."""
    start = DRAWN.randrange(len(SOURCES) - chars)
    return f"{DRAWN.random()} {SOURCES[start : start + chars]}".replace("[[", "[")


def said(role: str, content: str) -> dict[str, str]:
    """A message."""
    return {"role": role, "content": content}


@dataclass
class Server:
    """A server under measurement."""

    port: int
    pid: int
    history: list[dict[str, str]] = field(default_factory=list)
    turns_ms: list[float] = field(default_factory=list)

    def post(self, messages: list[dict[str, str]], **fields: object) -> tuple[int, dict[str, str], Any]:
        """The answer's status, headers and document."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        body = json.dumps({"model": MODEL, "messages": messages, **fields})
        client.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        answer = client.getresponse()
        document = json.loads(answer.read())
        client.close()
        return answer.status, dict(answer.headers), document

    def turn(self, directive: str, chars: int) -> str:
        """One turn of its conversation: how its session was found."""
        self.history.append(said("user", f"{directive}{text(chars)}"))
        before = cpu_ns([self.pid])[self.pid]
        status, headers, document = self.post(self.history)
        self.turns_ms.append((cpu_ns([self.pid])[self.pid] - before) / 1e6)
        if status != 200:
            raise SystemExit(f"the server answers {status}: {document}")
        self.history.append(said("assistant", document["choices"][0]["message"]["content"]))
        return headers["x-mix2api-session"]


def _window(tokens: int) -> dict[str, int]:
    return {"context_window": tokens, "max_input_tokens": tokens, "max_new_tokens": 100}


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[dict[str, Server]]:
    """Both servers, before one demo site."""
    mix2api = [sys.executable, "-m", "mix2api"]
    with contextlib.ExitStack() as stack:
        site = free_port()
        demo = [
            *mix2api,
            "demo-upstream",
            "--port",
            str(site),
            "--pace-ms",
            "0",
            "--context-window",
            "100000000",
        ]
        stack.enter_context(running(demo, folder / "site.log", port=site))
        made = {}
        for name in (COUNTING, BLIND):
            port = free_port()
            env = {
                "UPSTREAM_API_BASE": f"http://127.0.0.1:{site}",
                "INBOUND_AUTH_MODE": "none",
                "SESSION_STORE_MODE": "memory",
                "PORT": str(port),
                "MIX2API_DATA_DIR": str(folder / name.replace(" ", "_")),
                "MIX2API_BUDGET": "true" if name == COUNTING else "false",
                "MODEL_PROFILE_JSON": json.dumps({"*": _window(100_000_000), SMALL: _window(1000)}),
            }
            process = stack.enter_context(
                running([*mix2api, "serve"], folder / f"{port}.log", port=port, env=env)
            )
            made[name] = Server(port, process.pid)
        yield made


def warm_turns(both: dict[str, Server], turns: int, directive: str, chars: int) -> None:
    """Prints the CPU of a warm turn that brings so many characters."""
    history = [
        said("user" if place % 2 == 0 else "assistant", text(HISTORY_CHARS // MESSAGES))
        for place in range(MESSAGES)
    ]
    for server in both.values():
        server.history, server.turns_ms = list(history), []
        server.turn(directive, chars)
        server.turns_ms.clear()
    for _ in range(turns):
        for server in both.values():
            how = server.turn(directive, chars)
            if not how.startswith("continued"):
                raise SystemExit(f"a turn was not warm: {how}")
    sums = {name: sorted(server.turns_ms) for name, server in both.items()}
    best = {name: each[len(each) // 10] for name, each in sums.items()}
    middle = {name: each[len(each) // 2] for name, each in sums.items()}
    what = f"{chars} new characters, usage {'counted' if directive else 'by the site'}"
    for name, figures in ((f"{what}, tenth", best), (f"{'middle':>{len(what) + 8}}", middle)):
        more = figures[COUNTING] / figures[BLIND] - 1
        print(f"{name:<52}{figures[COUNTING]:>14.2f}{figures[BLIND]:>14.2f}{more:>8.1%}")


def delays(port: int, seconds: float, work: Callable[[], None]) -> list[float]:
    """By how many milliseconds chunks of several streams came later than their pace, while work is done again and again."""
    late: list[list[float]] = [[] for _ in range(STREAMS)]
    ends = time.monotonic() + seconds

    def listen(place: int) -> None:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        asked = f"[[chunks:{CHUNKS}]] [[pace:{PACE_MS}]] stream {place} {DRAWN.random()}"
        body = json.dumps({"model": MODEL, "messages": [said("user", asked)], "stream": True})
        client.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        answer = client.getresponse()
        before = None
        while time.monotonic() < ends and (line := answer.readline()):
            if line.startswith(b"data:"):
                now = time.perf_counter()
                if before is not None:
                    late[place].append(max(0.0, (now - before) * 1000 - PACE_MS))
                before = now
        client.close()

    listeners = [threading.Thread(target=listen, args=(place,)) for place in range(STREAMS)]
    for each in listeners:
        each.start()
    while time.monotonic() < ends:
        work()
    for each in listeners:
        each.join()
    return sorted(each for stream in late for each in stream[5:])


def chunk_delays(both: dict[str, Server], seconds: float) -> None:
    """Prints the delays of chunks."""
    print(f"\n{'chunks later than their pace, ms':<40}{'chunks':>8}{'middle':>9}{'p99':>9}{'longest':>9}")
    for name, server in both.items():
        refused = {"model": SMALL} if name == COUNTING else {"max_tokens": -1}

        def post(server: Server = server, refused: dict[str, object] = refused) -> None:
            status, _, document = server.post([said("user", text(HISTORY_CHARS))], **refused)
            if status != 400:
                raise SystemExit(f"the server did not refuse: {status}, {document}")

        for doing, work in (("nothing else", lambda: time.sleep(0.05)), ("400 kB of new text", post)):
            found = delays(server.port, seconds, work)
            figures = (found[len(found) // 2], found[len(found) * 99 // 100], found[-1])
            print(f"{name + ', ' + doing:<40}{len(found):>8}" + "".join(f"{each:>9.2f}" for each in figures))


def main() -> None:
    """Runs both measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=15.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as both:
        print(f"{'CPU of a warm turn, ms':<52}{COUNTING:>14}{BLIND:>14}{'more':>8}")
        for chars in NEW_CHARS:
            for directive in ("", "[[usage:none]] "):
                warm_turns(both, given.turns, directive, chars)
        chunk_delays(both, given.seconds)


if __name__ == "__main__":
    main()
