"""What a session remembers of the calls that it gave its client."""

from session_scripts import RUN, accept, chunk, good_run, state_after, tool_call

from mix2api.sessions.snapshot import decode_snapshot, encode_snapshot
from mix2api.sessions.state import REMEMBERED_CALLS
from mix2api.vocabulary import ChunkKind, RunId

OTHER = RunId("run_018bcfe568010123456789abcdef")


def calling(count: int, run: RunId = RUN) -> list[object]:
    """A good run with so many calls in it."""
    opened, finished = good_run(run)[:4], good_run(run)[4:]
    return [*opened, *(tool_call(number, run) for number in range(count)), *finished]


def test_calls_are_remembered_beyond_the_end_of_their_run_and_in_snapshots() -> None:
    state = state_after(calling(2))
    assert [call.tool_call_id for call in state.calls] == ["call_0", "call_1"]
    assert all(call.upstream_call_id is not None for call in state.calls)
    assert decode_snapshot(encode_snapshot(state)) == state


def test_the_newest_calls_stay_and_the_oldest_go() -> None:
    state = state_after([*calling(REMEMBERED_CALLS - 1), *calling(3, OTHER)])
    assert [call.tool_call_id for call in state.calls][-4:] == [
        f"call_{REMEMBERED_CALLS - 2}",
        "call_0",
        "call_1",
        "call_2",
    ]
    assert len(state.calls) == REMEMBERED_CALLS


def test_all_calls_of_the_newest_answer_are_remembered_however_many_it_has() -> None:
    state = state_after([*calling(5), *calling(REMEMBERED_CALLS + 8, OTHER)])
    assert [call.tool_call_id for call in state.calls] == [
        f"call_{number}" for number in range(REMEMBERED_CALLS + 8)
    ]


def test_a_repeat_of_a_call_is_not_remembered_twice() -> None:
    state = state_after([accept(), chunk(ChunkKind.OPEN), tool_call(0), tool_call(0)])
    assert len(state.calls) == 1
