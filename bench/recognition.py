"""What finding calls in text costs: CPU per chunk of ordinary text, and per character of what is no ordinary text.

    python bench/recognition.py

No server and no network. The plain path is what a translation does with a chunk anyway where nobody looks for calls: a
piece of one's own around it, in a list. Best of several rounds, because others only ever add to a round.
"""

import time
from collections.abc import Callable

from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.pieces import Piece, Plain
from mix2api.tools.text.recognition import Recogniser

_OFFERED = OfferedTools(names=frozenset({"read", "write"}))
_ROUNDS = 7
_CHUNKS = 20_000
_MEGABYTE = 1_000_000
_LIMIT_US = 1.0
"""What a chunk of ordinary text may cost beyond the plain path."""

_ORDINARY = {
    "English, 24 characters": "some words of an answer ",
    "Chinese, 12 characters": "好的我来读取这个文件吧",
    "one word": "word ",
    "1,000 characters": "some words of an answer, " * 40,
}
_OTHERS = {
    "in a code block": ("```python\n", "x = call(a, b)  # note \n"),
    "with a brace each": ("", "f(a) { return a } then \n"),
    "with inline code each": ("", "the value `x` of y is so"),
    "in JSON that is no call": ('{"a": [', '{"key": "value", "n": 1}, '),
}


def _plain(chunks: list[str]) -> None:
    took: list[list[Piece]] = []
    for chunk in chunks:
        took.append([Plain(chunk)])
        took.clear()


def _recognised(chunks: list[str]) -> None:
    recogniser = Recogniser(_OFFERED)
    took: list[list[Piece]] = []
    for chunk in chunks:
        took.append(recogniser.feed(chunk))
        took.clear()
    recogniser.end()


def _best_us(work: Callable[[list[str]], None], chunks: list[str]) -> float:
    """CPU per chunk in microseconds."""
    spent = []
    for _ in range(_ROUNDS):
        begun = time.process_time_ns()
        work(chunks)
        spent.append(time.process_time_ns() - begun)
    return min(spent) / len(chunks) / 1_000


def _ordinary() -> float:
    """Prints a line a kind of chunk; gives the most that one cost beyond the plain path."""
    worst = 0.0
    print(f"{'a chunk of ordinary text':34} {'plain µs':>9} {'with µs':>9} {'more µs':>9}")
    for says, chunk in _ORDINARY.items():
        plain = _best_us(_plain, [chunk] * _CHUNKS)
        recognised = _best_us(_recognised, [chunk] * _CHUNKS)
        worst = max(worst, recognised - plain)
        print(f"{says:34} {plain:9.2f} {recognised:9.2f} {recognised - plain:9.2f}")
    for says, (head, chunk) in _OTHERS.items():
        print(f"{says:34} {'':9} {_best_us(_recognised, [head] + [chunk] * _CHUNKS):9.2f}")
    return worst


def _megabytes() -> None:
    """Prints a line a kind of argument of one megabyte, by how it is cut; twice the size, to show that it is linear."""
    head, tail = '{"tool_call": {"name": "write", "arguments": {"text": "', '"}}}'
    kinds = {
        "letters": "x" * 24,
        "code with escapes": 'if a:\\n\\tprint(\\"b\\")\\n   ',
    }
    print(f"\n{'an argument, ms':34} {'1 MB':>9} {'2 MB':>9}")
    for says, unit in kinds.items():
        for width in (24, _MEGABYTE):
            times = []
            for size in (_MEGABYTE, 2 * _MEGABYTE):
                text = head + unit * (size // len(unit)) + tail
                chunks = [text[start : start + width] for start in range(0, len(text), width)]
                times.append(_best_us(_recognised, chunks) * len(chunks) / 1_000)
            cut = f"{says}, {width:,} a chunk"
            print(f"{cut:34} {times[0]:9.1f} {times[1]:9.1f}")


def main() -> int:
    """Prints the figures; 1 if ordinary text costs more than it may."""
    worst = _ordinary()
    _megabytes()
    print(f"\nordinary text costs at most {worst:.2f} µs a chunk more; the limit is {_LIMIT_US} µs")
    return int(worst > _LIMIT_US)


if __name__ == "__main__":
    raise SystemExit(main())
