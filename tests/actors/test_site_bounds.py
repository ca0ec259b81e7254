"""What a site may put into one run: beyond it the run ends, with the word that says so."""

from collections.abc import Callable

import pytest
from actor_parts import BEGINNING, Bench, ended, kinds, text_of, turn, working
from actor_parts import submission as submitted

from mix2api.actors.chunk_tally import is_longer
from mix2api.actors.site_bounds import (
    CALL_ID_BYTES,
    EMPTY_FRAMES_MAX,
    ENTRIES_MAX,
    ID_BYTES,
)
from mix2api.events.kinds import UpstreamChunk, Usage
from mix2api.upstreams.port import (
    Finished,
    IdsSeen,
    Reasoning,
    Skipped,
    Started,
    Text,
    ToolInputAvailable,
    ToolInputBroken,
    ToolInputStarted,
    UpstreamEvent,
    UsageSeen,
)
from mix2api.vocabulary import ChunkKind, Context, Detail, EndReason, FinishReason

STOP: list[UpstreamEvent] = [Finished("stop")]
USAGE = UsageSeen(Usage(prompt_tokens=1, completion_tokens=1, total_tokens=2))


def check_end(bench: Bench, end_reason: EndReason, detail: Detail | None, context: Context) -> None:
    (end,) = bench.ends()
    assert (end.end_reason, end.detail, end.context) == (end_reason, detail, context)


def check_over(bench: Bench, detail: Detail) -> None:
    """The run ended as the site's doing; what the site holds is not known any more."""
    check_end(bench, EndReason.UPSTREAM_ERROR, detail, Context.UNKNOWN)


def check_good(bench: Bench) -> None:
    check_end(bench, EndReason.STOP, None, Context.EXTENDED)


def starts(bench: Bench) -> list[UpstreamChunk]:
    return [
        event
        for event in bench.events()
        if isinstance(event, UpstreamChunk) and event.kind is ChunkKind.START
    ]


@pytest.mark.parametrize("make", [Started, IdsSeen], ids=["start", "later"])
@pytest.mark.parametrize("field", ["session", "exchange"])
@pytest.mark.parametrize("letter", ["x", "\u00fc"])
async def test_an_id_of_the_site_is_bounded_in_bytes(
    make: Callable[..., UpstreamEvent], field: str, letter: str
) -> None:
    longest = letter * (ID_BYTES // len(letter.encode()))
    async with working([[make(**{field: longest})], [Text("hi")], STOP]) as bench:
        await bench.ask()
        check_good(bench)
    async with working([[make(**{field: longest + "x"})], [Text("hi")], STOP]) as bench:
        answer = ended(await bench.ask())
        check_over(bench, Detail.TOO_LARGE)
        assert starts(bench) == []
        assert (answer.http_status, "too large" in answer.message) == (502, True)


@pytest.mark.parametrize(
    "make",
    [
        lambda call_id: ToolInputStarted(call_id, "f"),
        lambda call_id: ToolInputAvailable(call_id, "f", "{}"),
        lambda call_id: ToolInputBroken(call_id, "f"),
    ],
    ids=["begun", "whole", "broken"],
)
async def test_the_site_s_id_of_a_call_is_bounded(make: Callable[[str], UpstreamEvent]) -> None:
    async with working([BEGINNING, [Text("hi"), make("x" * CALL_ID_BYTES)], STOP]) as bench:
        await bench.ask()
        assert bench.ends()[0].end_reason is not EndReason.UPSTREAM_ERROR
    async with working([BEGINNING, [Text("hi"), make("x" * (CALL_ID_BYTES + 1))], STOP]) as bench:
        replies = await bench.ask()
        assert text_of(replies) == "hi"
        check_over(bench, Detail.TOO_LARGE)
        assert "ToolCall" not in kinds(bench.events())


async def test_an_answer_s_content_is_bounded_of_all_kinds_together() -> None:
    script = [BEGINNING, [Text("x" * 50)], [Reasoning("\u00fc" * 25)], STOP]
    async with working(script, answer_bytes=100) as bench:
        await bench.ask()
        check_good(bench)
    async with working(script, answer_bytes=99) as bench:
        await bench.ask()
        check_over(bench, Detail.TOO_LARGE)


async def test_what_came_before_the_bound_is_the_client_s() -> None:
    async with working([BEGINNING, [Text("x" * 60)], [Text("y" * 60)], STOP], answer_bytes=100) as bench:
        replies = await bench.ask()
        assert text_of(replies) == "x" * 60 + "y" * 60
        last = ended(replies)
        assert (last.end_reason, last.detail, last.http_status) == ("upstream_error", "too_large", 200)


async def test_ids_that_say_nothing_new_make_no_entry() -> None:
    again: list[UpstreamEvent] = [
        IdsSeen("site-session", "site-exchange"),
        IdsSeen("site-session"),
        IdsSeen(None, "site-exchange"),
        Started("site-session", "site-exchange"),
    ]
    async with working([BEGINNING, again * 1000, [Text("hi"), *again], STOP]) as bench:
        await bench.ask()
        check_good(bench)
        assert kinds(bench.events()) == [
            "session opened", "Request", "open", "start", "text", "finish", "End",
        ]  # fmt: skip


async def test_new_ids_make_an_entry_each_up_to_the_bound() -> None:
    flood: list[UpstreamEvent] = [IdsSeen(None, f"exchange-{number}") for number in range(20_000)]
    async with working([BEGINNING, *([each] for each in flood), STOP]) as bench:
        await bench.ask()
        check_over(bench, Detail.TOO_MANY)
        assert len(starts(bench)) == ENTRIES_MAX + 1
    async with working([BEGINNING, flood[: ENTRIES_MAX - 2], STOP]) as bench:
        await bench.ask()
        check_good(bench)


async def test_changes_of_kind_are_bounded_too() -> None:
    both: list[UpstreamEvent] = [Text("a"), Reasoning("b")]
    async with working([BEGINNING, *([both] * ENTRIES_MAX), STOP]) as bench:
        await bench.ask()
        check_over(bench, Detail.TOO_MANY)
        assert len(bench.events()) < ENTRIES_MAX + 10
    async with working([BEGINNING, both * (ENTRIES_MAX // 2 - 1), STOP]) as bench:
        await bench.ask()
        check_good(bench)


@pytest.mark.parametrize(
    "event",
    [Skipped(1), USAGE, IdsSeen("site-session"), Started("site-session", "site-exchange")],
    ids=lambda event: type(event).__name__,
)
async def test_frames_without_content_are_bounded(event: UpstreamEvent) -> None:
    async with working([BEGINNING, [event] * (EMPTY_FRAMES_MAX + 1), [Text("hi")], STOP]) as bench:
        await bench.ask()
        check_over(bench, Detail.TOO_MANY)
    async with working([BEGINNING, [event] * (EMPTY_FRAMES_MAX - 1), [Text("hi")], STOP]) as bench:
        await bench.ask()
        check_good(bench)


async def test_pieces_of_one_kind_force_no_entries() -> None:
    async with working([BEGINNING, *([[Text("a")]] * 3 * ENTRIES_MAX), STOP]) as bench:
        await bench.ask(submitted(turn("hi", stream=False)))
        (end,) = bench.ends()
        assert end.finish_reason is FinishReason.STOP


def test_bytes_are_counted_and_not_characters() -> None:
    assert not is_longer(None, 0)
    assert not is_longer("abc", 3)
    assert is_longer("abcd", 3)
    assert not is_longer("\u00fc", 2)
    assert is_longer("\u00fc\u00fc", 3)
    assert is_longer("\ud83d", 2)
