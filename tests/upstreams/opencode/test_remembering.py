"""What a client session remembers: its words for a request without a history, or a refusal that says why they are not there."""

from typing import Any

import msgspec
import pytest
from attrs import define

from mix2api.clock import SystemClock
from mix2api.errors import StoreUnavailable
from mix2api.sessions.transcripts import Transcript
from mix2api.upstreams.opencode.memory_transcripts import MemoryTranscripts
from mix2api.upstreams.opencode.remembering import Bounds, Memory
from mix2api.upstreams.port import Finished, Reasoning, Text, UpstreamCall, UpstreamFault
from mix2api.upstreams.surroundings import Remark
from mix2api.vocabulary import Detail, Digest, EndReason, RequestId, RunId
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall, Turn

LINE = Digest("ab")


def said(role: Any, content: Any, **more: Any) -> Message:
    return Message(role=role, content=content, **more)


def call(*messages: Message, line: Digest | None = LINE) -> UpstreamCall:
    turn = Turn(model="m", messages=list(messages))
    return UpstreamCall(
        run_id=RunId("r"), request_id=RequestId("q"), turn=turn, messages=list(messages), line=line
    )


def memory(**bounds: int) -> Memory:
    return Memory(MemoryTranscripts(), Bounds(**bounds), lambda _: None)


async def answered(memory: Memory, asked: UpstreamCall, *pieces: str) -> UpstreamCall:
    """A turn that goes well; gives the call as it was put."""
    put = await memory.recalled(asked)
    listener = memory.listener(put)
    for piece in pieces:
        await listener.hear([Reasoning("hm"), Text(piece)])
    await listener.hear([Finished("stop")])
    return put


def words(asked: UpstreamCall) -> list[tuple[str, object]]:
    return [(message.role, message.content) for message in asked.messages]


async def refusal(memory: Memory, asked: UpstreamCall) -> UpstreamFault:
    with pytest.raises(UpstreamFault) as refused:
        await memory.recalled(asked)
    assert refused.value.detail is Detail.NO_HISTORY
    assert not refused.value.taken
    return refused.value


async def test_a_request_without_a_history_gets_the_words_of_its_line_behind_its_instructions() -> None:
    kept = memory()
    await answered(kept, call(said("system", "be kind"), said("user", "one")), "1", "!")
    await answered(kept, call(said("system", "be kind"), said("user", "two")), "2")
    third = await kept.recalled(call(said("system", "be kind"), said("user", "three")))
    assert words(third) == [
        ("system", "be kind"),
        ("user", "one"),
        ("assistant", "1!"),
        ("user", "two"),
        ("assistant", "2"),
        ("user", "three"),
    ]
    other = call(said("user", "three"), line=Digest("cd"))
    assert await kept.recalled(other) is other


async def test_a_history_that_a_client_brings_takes_the_transcripts_place() -> None:
    kept = memory()
    await answered(kept, call(said("user", "one")), "1")
    tool = MessageToolCall(id="c", function=FunctionCall("read", "{}"))
    image = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    brought = call(said("user", image), said("assistant", None, tool_calls=[tool]), said("user", "go on"))
    assert await answered(kept, brought, "done") is brought
    assert words(await kept.recalled(call(said("user", "more")))) == [
        ("user", "see\n[image_url]"),
        ("assistant", "[called read with {}]"),
        ("user", "go on"),
        ("assistant", "done"),
        ("user", "more"),
    ]


async def test_a_turn_that_fails_leaves_the_transcript_as_it_was() -> None:
    kept = memory()
    await answered(kept, call(said("user", "one")), "1")
    failing = kept.listener(await kept.recalled(call(said("user", "two"))))
    await failing.hear([Text("a part")])
    assert len((await kept.recalled(call(said("user", "again")))).messages) == 3


@pytest.mark.parametrize(
    ("bounds", "answer", "why"),
    [
        ({"ttl_s": 0}, "1", "OPENCODE_TRANSCRIPT_TTL_S"),
        ({"bytes": 1024}, "1" * 1025, "OPENCODE_TRANSCRIPT_BYTES"),
        ({"bytes": 1024}, "\n" * 600, "OPENCODE_TRANSCRIPT_BYTES"),
    ],
)
async def test_words_that_are_not_kept_are_asked_for_from_the_second_turn_on(
    bounds: dict[str, int], answer: str, why: str
) -> None:
    kept = memory(**bounds)
    await answered(kept, call(said("user", "one")), answer)
    refused = await refusal(kept, call(said("user", "two")))
    assert refused.end_reason is EndReason.INVALID_REQUEST
    assert why in refused.message
    whole = call(said("user", "one"), said("assistant", "1"), said("user", "two"))
    assert await kept.recalled(whole) is whole


@pytest.mark.parametrize("pieces", [("1 EN", "D of it", "more"), ("1 E", "N"), ("1 EN",)])
async def test_an_answer_is_kept_as_far_as_its_client_sees_it(pieces: tuple[str, ...]) -> None:
    kept = memory()
    asked = call(said("user", "one"))
    asked.turn.sampling["stop"] = ["END"]
    await answered(kept, asked, *pieces)
    (_, answer, _) = words(await kept.recalled(call(said("user", "two"))))
    assert answer == ("assistant", "".join(pieces).partition("END")[0])


async def test_a_call_without_a_line_keeps_nothing() -> None:
    kept = memory()
    await answered(kept, call(said("user", "one"), line=None), "1")
    assert kept._store._kept == {}  # type: ignore[attr-defined]


@define(eq=False)
class AwayNowAndThen(MemoryTranscripts):
    """A store that can be away."""

    away: bool = False

    async def find(self, line: Digest) -> Transcript | None:
        if self.away:
            raise StoreUnavailable
        return await super().find(line)

    async def keep(self, line: Digest, kept: bytes, ttl_s: int) -> None:
        if self.away:
            raise StoreUnavailable
        await super().keep(line, kept, ttl_s)


async def test_no_turn_goes_on_without_the_words_that_a_store_did_not_give_or_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mix2api.upstreams.opencode.remembering._BEHIND", 1)
    store, told = AwayNowAndThen(), list[Remark]()
    kept = Memory(store, Bounds(), told.append)
    await answered(kept, call(said("user", "one")), "1")
    store.away = True
    assert (await refusal(kept, call(said("user", "two")))).end_reason is EndReason.UNAVAILABLE
    whole = call(said("user", "one"), said("assistant", "1"), said("user", "two"))
    await answered(kept, whole, "2")
    assert [remark.facts for remark in told] == [{"step": "transcript"}]
    store.away = False
    assert "could not be written" in (await refusal(kept, call(said("user", "three")))).message
    await answered(kept, whole, "2")
    assert len((await kept.recalled(call(said("user", "three")))).messages) == 5
    store.away = True
    for line in (LINE, Digest("cd")):
        await answered(kept, call(*whole.messages, line=line), "2")
    assert list(kept._behind) == [Digest("cd")]


@define(eq=False)
class SteppingClock(SystemClock):
    """Each look is a millisecond later."""

    at_ms: int = 0

    def now_ms(self) -> int:
        self.at_ms += 1
        return self.at_ms


async def test_an_answer_of_another_process_takes_the_place_of_one_that_was_not_written() -> None:
    store, clock = AwayNowAndThen(), SteppingClock()
    one, two = (Memory(store, Bounds(), lambda _: None, clock) for _ in range(2))
    whole = call(said("user", "one"), said("assistant", "1"), said("user", "two"))
    await answered(two, whole, "2")
    store.away = True
    await answered(one, whole, "2")
    store.away = False
    assert "could not be written" in (await refusal(one, call(said("user", "three")))).message
    await answered(two, whole, "2")
    assert len((await one.recalled(call(said("user", "three")))).messages) == 5


async def test_a_history_that_is_far_too_long_is_not_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = memory(bytes=1024)
    encoded: list[Transcript] = []

    def encode(transcript: Transcript) -> bytes:
        encoded.append(transcript)
        return msgspec.json.encode(transcript)

    monkeypatch.setattr("mix2api.upstreams.opencode.remembering._encode", encode)
    await answered(kept, call(said("user", "1" * 1025)), "1")
    assert [transcript.said for transcript in encoded] == [()]
    assert "OPENCODE_TRANSCRIPT_BYTES" in (await refusal(kept, call(said("user", "two")))).message
