"""Output limits that are none go; whatever else is wrong is refused as it was."""

import msgspec
import pytest

from mix2api.errors import InvalidRequest
from mix2api.steps import Steps, at_once
from mix2api.wire.chat_request import chat_request_steps
from mix2api.wire.lenient_limits import lenient_steps, without_limit
from mix2api.wire.responses_request import responses_request_steps
from mix2api.wire.turn import Turn

TOO_LOW = InvalidRequest("no", param="max_tokens")


def test_the_limit_that_was_refused_goes_alone() -> None:
    body = msgspec.json.encode({"model": "m", "max_tokens": -1, "max_completion_tokens": 5})
    assert msgspec.json.decode(without_limit(body, TOO_LOW)) == {"model": "m", "max_completion_tokens": 5}


@pytest.mark.parametrize(
    ("body", "refused"),
    [(b"{}", InvalidRequest("no", param="messages")), (b"\xef\xbb\xbf{}", TOO_LOW)],
)
def test_what_was_refused_otherwise_stays_refused(body: bytes, refused: InvalidRequest) -> None:
    with pytest.raises(InvalidRequest) as raised:
        without_limit(body, refused)
    assert raised.value is refused


def test_both_limits_go_and_each_is_told() -> None:
    ignored: list[str] = []
    said = {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
        "max_tokens": 0,
        "max_completion_tokens": [],
    }
    turn = at_once(lenient_steps(chat_request_steps, msgspec.json.encode(said), ignored.append))
    assert turn.max_tokens is None
    assert sorted(ignored) == ["max_completion_tokens", "max_tokens"]
    with pytest.raises(InvalidRequest) as raised:
        at_once(lenient_steps(chat_request_steps, b"{}", ignored.append))
    assert raised.value.param == "model"


def test_the_limit_of_the_responses_api_goes_too() -> None:
    ignored: list[str] = []
    body = msgspec.json.encode({"model": "m", "input": "x", "max_output_tokens": -1})

    def read(mended: bytes) -> Steps[Turn]:
        turn, _ = yield from responses_request_steps(mended)
        return turn

    turn = at_once(lenient_steps(read, body, ignored.append))
    assert (turn.max_tokens, ignored) == (None, ["max_output_tokens"])
