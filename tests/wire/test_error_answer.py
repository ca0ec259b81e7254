import msgspec

from mix2api.errors import ErrorBody
from mix2api.vocabulary import EndReason, RequestId
from mix2api.wire.error_answer import envelope, error_frame, stream_error

ERROR = ErrorBody(message="no", type="server_error", code="broken", param="messages[0]")


def test_the_envelope_has_openais_four_fields() -> None:
    assert msgspec.json.decode(envelope(ERROR)) == {
        "error": {"message": "no", "type": "server_error", "code": "broken", "param": "messages[0]"}
    }


def test_absent_fields_are_null_in_the_envelope() -> None:
    error = msgspec.json.decode(envelope(ErrorBody(message="no", type="server_error")))["error"]
    assert (error["code"], error["param"]) == (None, None)


def test_a_streams_error_says_why_it_ended_and_which_request_it_was() -> None:
    error = stream_error(ERROR, EndReason.TIMEOUT, RequestId("req_1"))
    assert msgspec.json.decode(error) == {
        "message": "no",
        "type": "server_error",
        "code": "broken",
        "param": "messages[0]",
        "end_reason": "timeout",
        "request_id": "req_1",
    }
    assert error_frame(error) == b'data: {"error":' + error + b"}\n\n"
