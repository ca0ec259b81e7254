"""What is refused about tools, in steps."""

import pytest

from mix2api.errors import InvalidRequest
from mix2api.tools.checks import tool_check_steps
from mix2api.wire.turn import Message, Turn

_UNASKED = Message(role="tool", tool_call_id="never", content="done")


@pytest.mark.parametrize(("count", "steps"), [(500, 0), (501, 1)])
def test_a_long_history_is_checked_in_two_steps(count: int, steps: int) -> None:
    messages = [Message(role="user", content="go")] * count
    assert len(list(tool_check_steps(Turn(model="m", messages=messages)))) == steps


def test_what_is_wrong_in_a_long_history_is_refused() -> None:
    messages = [*[Message(role="user", content="go")] * 501, _UNASKED]
    with pytest.raises(InvalidRequest, match="never"):
        list(tool_check_steps(Turn(model="m", messages=messages)))
