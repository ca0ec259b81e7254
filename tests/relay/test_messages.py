"""What processes say to each other survives the way, and damage is told."""

from typing import Any

import msgspec
import pytest
from actor_parts import session_id, submission, turn

from mix2api.events.kinds import Usage
from mix2api.relay.messages import (
    Hangup,
    HeadersLeft,
    Mail,
    RelayedTurn,
    ReplyBatch,
    Retire,
    Retired,
    Taken,
    WakeUp,
    decode_mail,
    decode_turn,
    encode_mail,
    encode_turn,
)
from mix2api.sessions.worker_port import Accepted, Ended, ReasoningDelta, TextDelta, ToolCallDelta
from mix2api.vocabulary import Digest, EndReason, FinishReason, Retirement

MAILS: list[Mail] = [
    WakeUp(7),
    Hangup("run", "hung_up"),
    HeadersLeft("run"),
    Taken("run", 2**40),
    Retire("ses", "p_1"),
    Retired("ses", Retirement.ALREADY),
    ReplyBatch(
        "run",
        1,
        3,
        [
            Accepted("ses", "fresh", "no_history", "run"),
            TextDelta("ü"),
            ReasoningDelta("r"),
            ToolCallDelta(index=0, call_id="c", name="n"),
            Ended(
                end_reason=EndReason.STOP,
                finish_reason=FinishReason.STOP,
                usage=Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3),
            ),
        ],
    ),
]


def test_a_detail_that_this_version_does_not_know_comes_out_as_it_stands() -> None:
    ended = Ended(end_reason=EndReason.UPSTREAM_ERROR, detail="word_of_tomorrow")
    batch = ReplyBatch("run_1", 1, 1, [ended])
    assert decode_mail(encode_mail(batch)) == batch


def test_a_turn_of_an_edge_that_names_no_window_has_none() -> None:
    of = submission()
    fields = msgspec.json.decode(encode_turn(RelayedTurn.of(of, session_id(), 123)))
    assert "window_bytes" not in fields
    assert decode_turn(msgspec.json.encode(fields)).window_bytes == 0


@pytest.mark.parametrize("mail", MAILS, ids=lambda mail: type(mail).__name__)
def test_mail_comes_out_as_it_went_in(mail: Mail) -> None:
    assert decode_mail(encode_mail(mail)) == mail


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"authorization": "Bearer x"},
        {"taken": Digest("a" * 32), "bind": Digest("b" * 32), "reason": "lineage"},
        {"session_id": session_id()},
    ],
)
def test_a_turn_comes_out_as_it_went_in(fields: dict[str, Any]) -> None:
    of = submission(turn("one", "two", tools=[{"name": "x"}], max_tokens=4), **fields)
    relayed = RelayedTurn.of(of, of.session_id or session_id(), 123)
    assert decode_turn(encode_turn(relayed)) == relayed
    assert decode_turn(encode_turn(relayed)).submission() == of
    assert relayed.fresh is (of.session_id is None)


def test_numbers_of_any_size_survive() -> None:
    schema = {"maximum": 10**30, "minimum": -(10**30), "multipleOf": 1e22, "default": -0.0}
    of = submission(
        turn("one", tools=[{"type": "function", "function": {"name": "x", "parameters": schema}}])
    )
    relayed = RelayedTurn.of(of, session_id(), 123)
    assert decode_turn(encode_turn(relayed)).turn.tools == of.turn.tools


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x81\xa4type\xa5other", encode_mail(WakeUp(1))[:-1]])
def test_damage_and_other_versions_are_told(data: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_mail(data)
    with pytest.raises(msgspec.MsgspecError):
        decode_turn(data)
