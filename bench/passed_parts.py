"""What a chunk costs on its way through one process, without sockets, loop and store, by the number of chunks in a read.

    python bench/passed_parts.py [--chunks N] [--reads N] [--profile KIND]

The way: the payload of one read is cut into frames, these become the port's events, these become replies and counts for the log,
and these become the client's bytes. Figures are microseconds of CPU a chunk, the lowest of all repetitions.
"""

import argparse
import cProfile
import gc
import pstats
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from types import SimpleNamespace
from typing import Any

from frames import Wire, mix_wire, openai_wire, padded_wire, responses_wire

from mix2api.actors.translation import Translation
from mix2api.edge.relayed_responses import RelayedRenderer
from mix2api.edge.rendering import StreamRenderer
from mix2api.edge.responses import ResponseRenderer
from mix2api.sealing import Seal
from mix2api.upstreams.mix.transcript import Transcript as MixTranscript
from mix2api.upstreams.openai.transcript import ChatTranscript
from mix2api.upstreams.responses.relayed import relayed_transcript
from mix2api.upstreams.responses.translated import translated_transcript
from mix2api.vocabulary import RequestId, RunId
from mix2api.wire.chat_answer import AnswerFrame
from mix2api.wire.sse_frames import SseFrames

_RUN = RunId("r_0123456789abcdef0123456789abcdef")
_REPETITIONS = 15


@dataclass(frozen=True, slots=True)
class Kind:
    """A wire with what reads it and what writes for its clients."""

    wire: Callable[[int], Wire]
    transcript: Callable[[], Any]
    renderer: Callable[[], Any]


def _chat() -> StreamRenderer:
    frame = AnswerFrame(run_id=_RUN, created_s=1, model="bench", legacy_functions=False, include_usage=False)
    return StreamRenderer(frame, RequestId("q"), on_ended=lambda _: None)


def _responses() -> RelayedRenderer:
    run: Any = None  # asked for a failing ending only
    return RelayedRenderer(run, lambda _: None)


def _mix_responses() -> ResponseRenderer:
    run: Any = SimpleNamespace(
        run_id=_RUN,
        created_s=1,
        turn=SimpleNamespace(model="bench"),
        request=SimpleNamespace(echo=None),
        delivery=SimpleNamespace(accepted=None),
    )
    return ResponseRenderer(run, lambda _: None)


KINDS = {
    "mix": Kind(lambda _: mix_wire(1), lambda: MixTranscript(200, session_known=False), _chat),
    "mix in Responses": Kind(
        lambda _: mix_wire(1), lambda: MixTranscript(200, session_known=False), _mix_responses
    ),
    "openai": Kind(lambda _: openai_wire(), lambda: ChatTranscript(200), _chat),
    "openai, padded": Kind(lambda _: padded_wire(), lambda: ChatTranscript(200), _chat),
    "responses": Kind(responses_wire, lambda: relayed_transcript(200, session_known=False), _responses),
    "responses in chat": Kind(responses_wire, lambda: translated_transcript(200, session_known=False), _chat),
}


def _payload(frame: bytes) -> bytes:
    """A frame without the border of its HTTP chunk."""
    return frame.partition(b"\r\n")[2][:-2]


class Way:
    """One answer under way."""

    def __init__(self, kind: Kind) -> None:
        self._frames = SseFrames()
        self._transcript = kind.transcript()
        self._translation = Translation(_RUN, Seal(b"k" * 32), lambda: None, lambda: 0)  # type: ignore[arg-type, return-value]
        self._renderer = kind.renderer()

    def take(self, data: bytes) -> bytes:
        """What the client gets for the payload of one read."""
        translation = self._translation
        left = translation.take(self._transcript.add(self._frames.feed(data)))
        while left:
            left = translation.go_on()
        replies, translation.answer.replies = translation.answer.replies, []
        said: bytes = self._renderer.render(replies)
        return said


def reads(kind: Kind, chunks: int, number: int) -> tuple[list[bytes], list[bytes]]:
    """The beginning of an answer, frame by frame, and so many reads with so many chunks each."""
    wire = kind.wire(chunks * number)
    frames = [*map(_payload, wire.frames(chunks * number))]
    begin = len(wire.opening)
    texts = iter(frames[begin : begin + chunks * number])
    return frames[:begin], [b"".join(islice(texts, chunks)) for _ in range(number)]


def cost_us(kind: Kind, chunks: int, number: int) -> float:
    """CPU a chunk."""
    opening, pieces = reads(kind, chunks, number)
    found = []
    for _ in range(_REPETITIONS):
        way = Way(kind)
        for piece in (*opening, pieces[0]):
            way.take(piece)
        gc.collect()
        begun = time.thread_time_ns()
        for piece in pieces:
            way.take(piece)
        found.append((time.thread_time_ns() - begun) / 1000 / chunks / number)
    return min(found)


def profile(kind: Kind, chunks: int, number: int) -> None:
    """Prints where the time goes."""
    opening, pieces = reads(kind, chunks, number)
    way = Way(kind)
    for piece in opening:
        way.take(piece)
    profiler = cProfile.Profile()
    profiler.enable()
    for piece in pieces:
        way.take(piece)
    profiler.disable()
    pstats.Stats(profiler, stream=sys.stdout).sort_stats("tottime").print_stats(25)


def main() -> None:
    """Prints the table."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--profile", choices=KINDS)
    asked.add_argument("--chunks", type=int, default=30)
    asked.add_argument("--reads", type=int, default=200)
    given = asked.parse_args()
    if given.profile:
        profile(KINDS[given.profile], given.chunks, given.reads)
        return
    sizes = (1, 5, 30, 100)
    print("| chunks in a read | " + " | ".join(map(str, sizes)) + " |\n|---" + "|---:" * len(sizes) + "|")
    for name, kind in KINDS.items():
        costs = (cost_us(kind, size, max(10, given.reads // size)) for size in sizes)
        print(f"| {name} | " + " | ".join(f"{cost:.2f}" for cost in costs) + " |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
