"""The one object of an answer, and the ids by which responses are named."""

from typing import Any

import msgspec

from mix2api.events.kinds import Usage
from mix2api.vocabulary import FinishReason, RunId, SessionId
from mix2api.wire.passed_on import PassedOn
from mix2api.wire.responses_answer import (
    ResponseFrame,
    WholeResponse,
    named_by,
    response_id,
    usage_object,
)
from mix2api.wire.responses_request import Echo

RUN = RunId("run_00ff")
FRAME = ResponseFrame(
    response_id="resp_x", run_id=RUN, created_s=7, model="m", echo=Echo(fields={"store": False})
)
USAGE = Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3, reasoning_tokens=1, cached_tokens=1)


def finished(whole: WholeResponse, reason: FinishReason = FinishReason.STOP) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.json.decode(whole.finish(reason, USAGE))
    return told


def test_items_stand_in_the_order_in_which_they_began_and_pieces_of_one_are_joined() -> None:
    whole = WholeResponse(FRAME)
    whole.reasoning("a")
    whole.reasoning("b")
    whole.text("c")
    whole.text("d")
    whole.tool_call(0, "", "call_1", "f")
    whole.tool_call(0, "{}", None, None)
    whole.tool_call(1, "{}", None, None)
    whole.text("e")
    whole.passed_on(PassedOn(delta={"x": "1"}))
    told = finished(whole)
    assert (told["status"], told["completed_at"], told["store"]) == ("completed", 7, False)
    assert [item["id"] for item in told["output"]] == [
        "rs_00ff0000",
        "msg_00ff0001",
        "fc_00ff0002",
        "fc_00ff0003",
        "msg_00ff0004",
    ]
    reasoning, message, call, nameless, last = told["output"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": "ab"}]
    assert message["content"][0]["text"] == "cd"
    assert (call["call_id"], call["name"], call["arguments"]) == ("call_1", "f", "{}")
    assert (nameless["call_id"], nameless["name"]) == ("", "")
    assert last["content"][0]["text"] == "e"
    assert told["usage"] == usage_object(USAGE)


def test_an_answer_without_a_word_has_an_empty_message() -> None:
    (message,) = finished(WholeResponse(FRAME))["output"]
    assert message["content"][0]["text"] == ""


def test_an_answer_that_is_cut_short_is_incomplete_and_so_is_its_last_item() -> None:
    whole = WholeResponse(FRAME)
    whole.reasoning("a")
    whole.text("b")
    told = finished(whole, FinishReason.CONTENT_FILTER)
    assert (told["status"], told["completed_at"]) == ("incomplete", None)
    assert told["incomplete_details"] == {"reason": "content_filter"}
    assert told["output"][1]["status"] == "incomplete"


def test_usage_is_always_an_object_of_numbers() -> None:
    assert usage_object(None)["total_tokens"] == 0
    assert usage_object(USAGE) == {
        "input_tokens": 1,
        "input_tokens_details": {"cached_tokens": 1},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 3,
    }


def test_a_response_s_id_names_its_session_and_its_run() -> None:
    session = SessionId("ses_0001AAAA_AAAAAAAAAAAAAAAAA_0123456789abcdef")
    assert named_by(response_id(session, RUN)) == (session, RUN)
    for other in ("", "resp_", "resp_ses_x", "resp_abc_run_1", "ses_a_run_1", "resp_ses_a_run_"):
        assert named_by(other) is None
