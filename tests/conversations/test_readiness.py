"""Readiness: what may begin, and what never will."""

import pytest
from conversation_graphs import critic, graph_of, worker

from mix2api.conversations.readiness import Moves, Progress, next_moves

_DIAMOND = graph_of(worker("a"), worker("b"), worker("c"), worker("d"), edges=["a b", "a c", "b d", "c d"])
_JUDGED = graph_of(worker("a"), critic("check", "a"), worker("b"), edges=["a b"])


def _progress(pending: str, *, validating: str = "", completed: str = "", lost: str = "") -> Progress:
    return Progress(
        pending=set(pending.split()),
        validating=set(validating.split()),
        completed=set(completed.split()),
        lost=set(lost.split()),
    )


@pytest.mark.parametrize(
    ("progress", "moves"),
    [
        (_progress("a b c d"), Moves(ready=("a",))),
        (_progress("b c d"), Moves()),
        (_progress("b c d", completed="a"), Moves(ready=("b", "c"))),
        (_progress("d", completed="a b"), Moves()),
        (_progress("d", completed="a b c"), Moves(ready=("d",))),
        (_progress("", completed="a b c d"), Moves()),
    ],
)
def test_a_node_is_ready_once_all_that_it_waits_for_is_completed(progress: Progress, moves: Moves) -> None:
    assert next_moves(_DIAMOND, progress) == moves


def test_a_lost_node_skips_all_that_stand_behind_it_at_once() -> None:
    assert next_moves(_DIAMOND, _progress("b c d", lost="a")) == Moves(skipped=("b", "c", "d"))


def test_one_lost_branch_leaves_the_other_one_alone() -> None:
    progress = _progress("c d", completed="a", lost="b")
    assert next_moves(_DIAMOND, progress) == Moves(ready=("c",), skipped=("d",))


@pytest.mark.parametrize(
    ("progress", "moves"),
    [
        (_progress("a check b"), Moves(ready=("a",))),
        (_progress("check b"), Moves()),
        (_progress("check b", validating="a"), Moves(ready=("check",))),
        (_progress("b", validating="a"), Moves()),
        (_progress("b", completed="a check"), Moves(ready=("b",))),
        (_progress("check b", lost="a"), Moves(skipped=("b", "check"))),
    ],
)
def test_a_critic_is_ready_once_its_target_has_an_output_and_others_wait_for_the_verdict(
    progress: Progress, moves: Moves
) -> None:
    assert next_moves(_JUDGED, progress) == moves
