"""The fair queue by itself: who takes a free slot, who waits, who gives way, and in what order they are served."""

from collections import Counter
from collections.abc import Mapping

from attrs import define, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from mix2api.actors.admission import Admission
from mix2api.store.newcomer import Newcomer
from mix2api.vocabulary import Digest

A, B, C = Digest("a"), Digest("b"), Digest("c")


@define(eq=False)
class Hall:
    """Turns as `a1`, `a2`, …: the caller's letter and a number. Does with the queue what the worker does."""

    admission: Admission[str]
    running: list[str] = field(factory=list)
    refused: list[str] = field(factory=list)

    def come(self, *turns: str) -> None:
        for turn in turns:
            caller = Digest(turn[0])
            if self.admission.has_room:
                self._begin(turn)
            elif (gives_way := self.admission.wait(caller, turn)) is not None:
                self.refused.append(gives_way)

    def finish(self, turn: str) -> str | None:
        """Ends a running turn; the turn that takes its slot."""
        self.running.remove(turn)
        self.admission.end(Digest(turn[0]))
        following = self.admission.next()
        if following is not None:
            self._begin(following)
        return following

    def _begin(self, turn: str) -> None:
        self.running.append(turn)
        self.admission.begin(Digest(turn[0]))


@frozen
class Told:
    """What the other processes tell."""

    slots: Mapping[str, int]
    waiting: Mapping[str, int]

    def slots_of(self, caller: Digest) -> int:
        return self.slots.get(caller, 0)

    def waiting_of(self, caller: Digest) -> int:
        return self.waiting.get(caller, 0)


def hall(slots: int, queue_max: int, waiting: Mapping[str, int] | None = None, **elsewhere: int) -> Hall:
    return Hall(Admission(slots, queue_max, Told(elsewhere, waiting or {})))


def test_with_room_nobody_waits() -> None:
    made = hall(2, 5)
    made.come("a1", "a2")
    assert (made.running, made.admission.waiting, made.admission.has_room) == (["a1", "a2"], 0, False)


def test_a_caller_that_holds_slots_in_other_processes_waits_for_those_that_hold_fewer() -> None:
    made = hall(4, 5, a=4)
    made.come("a1", "b1", "b2", "b3", "a2", "b4", "c1")
    assert [made.finish("a1"), made.finish("c1"), made.finish("b1")] == ["c1", "b4", "a2"]


def test_the_heaviest_callers_are_told_the_first_one_first() -> None:
    made = hall(6, 0)
    made.come("a1", "b1", "b2", "b3", "c1", "c2")
    assert list(made.admission.heaviest(2).items()) == [(B, 3), (C, 2)]
    assert len(made.admission.heaviest(9)) == 3


def test_the_callers_with_the_most_waiting_turns_are_told_the_first_one_first() -> None:
    made = hall(1, 9)
    made.come("a1", "a2", "b1", "b2", "b3", "c1", "c2")
    assert list(made.admission.longest(2).items()) == [(B, 3), (C, 2)]
    assert (len(made.admission.longest(9)), made.admission.queue_room) == (3, 3)


def test_the_level_is_that_of_the_next_caller_and_without_one_that_of_the_heaviest() -> None:
    made = hall(3, 5, a=4, b=2)
    levels = [made.admission.level]
    for turn in ("a1", "b1", "c1", "a2", "b2"):
        made.come(turn)
        levels.append(made.admission.level)
    assert levels == [0, 5, 5, 5, 5, 3], "a waits with five slots, then b with three"


def test_a_newcomer_is_next_where_nobody_waits_who_holds_as_few_slots() -> None:
    made = hall(2, 3, c=1)
    made.come("a1", "a2")
    found = []
    for turn in ("b1", "b2", "c1"):
        newcomer = made.admission.newcomer(Digest(turn[0]))
        found.append((newcomer.slots, newcomer.is_next, newcomer.queue_is_full))
        made.come(turn)
    assert found == [(0, True, False), (0, False, False), (1, False, False)]
    assert made.admission.newcomer(A) == Newcomer(caller=A, slots=2, is_next=False, queue_is_full=True)


def test_a_full_queue_refuses_the_caller_with_the_most_waiting_turns_in_the_deployment() -> None:
    made = hall(1, 5, waiting={"a": 6})
    made.come("c1", "a1", "a2", "b1", "b2", "b3", "b4")
    assert made.refused == ["a2"], "b has the longest queue here"
    made.come("a3")
    assert made.refused == ["a2", "a3"]


def test_one_caller_is_served_in_the_order_of_its_turns() -> None:
    made = hall(1, 5)
    made.come("a1", "a2", "a3")
    assert [made.finish("a1"), made.finish("a2"), made.finish("a3")] == ["a2", "a3", None]


def test_a_caller_without_a_slot_gets_the_next_free_one_however_many_another_has_waiting() -> None:
    made = hall(3, 300)
    made.come(*(f"a{number}" for number in range(200)))
    made.come("b1")
    assert made.finish("a0") == "b1"


def test_a_caller_that_gives_its_slot_back_is_last_among_equals() -> None:
    made = hall(1, 5)
    made.come("a1", "a2", "b1")
    assert [made.finish("a1"), made.finish("b1")] == ["b1", "a2"]


def test_free_slots_go_to_a_caller_until_it_has_as_many_as_the_others() -> None:
    made = hall(4, 300)
    made.come(*(f"a{number}" for number in range(20)), *(f"b{number}" for number in range(20)))
    taken = [made.finish(turn) for turn in ("a0", "a1", "a2", "a3")]
    assert taken == ["b0", "b1", "a4", "a5"]
    assert Counter(turn[0] for turn in made.running) == {"a": 2, "b": 2}


def test_callers_with_equally_many_slots_are_served_in_turn() -> None:
    made = hall(1, 300)
    made.come("c0", "a1", "a2", "a3", "b1", "b2", "b3")
    served, running = [], "c0"
    while (following := made.finish(running)) is not None:
        served.append(following)
        running = following
    assert served == ["a1", "b1", "a2", "b2", "a3", "b3"]


def test_a_full_queue_refuses_the_newcomer_of_the_caller_that_fills_it() -> None:
    made = hall(1, 2)
    made.come("a1", "a2", "a3", "a4")
    assert (made.refused, made.admission.waiting) == (["a4"], 2)


def test_a_full_queue_makes_room_for_a_quiet_caller() -> None:
    made = hall(1, 3)
    made.come("a1", "a2", "a3", "a4", "b1")
    assert (made.refused, list(made.admission)) == (["a4"], ["a2", "a3", "b1"])


def test_callers_with_queues_of_one_length_do_not_drive_each_other_out() -> None:
    made = hall(1, 3)
    made.come("a0", "a1", "a2", "b1", "b2", "c1", "a3", "b3", "c2")
    assert made.refused == ["b2", "a2", "a3", "b3", "c2"]
    assert list(made.admission) == ["a1", "b1", "c1"]


def test_where_nobody_may_wait_the_newcomer_is_refused() -> None:
    made = hall(1, 0)
    made.come("a1", "b1")
    assert made.refused == ["b1"]


def test_a_turn_that_leaves_is_not_served_and_leaves_once() -> None:
    made = hall(1, 5)
    made.come("a1", "a2", "a3")
    assert made.admission.leave(A, "a2")
    assert not made.admission.leave(A, "a2")
    assert not made.admission.leave(B, "a3")
    assert (made.finish("a1"), made.admission.waiting) == ("a3", 0)
    assert made.finish("a3") is None


@given(
    st.lists(
        st.tuples(st.sampled_from(["come", "finish", "leave"]), st.sampled_from("abc"), st.integers(0, 9))
    )
)
def test_whatever_comes_and_goes_slots_and_queue_keep_their_bounds_and_count_right(
    steps: list[tuple[str, str, int]],
) -> None:
    made = hall(2, 4)
    for number, (step, caller, place) in enumerate(steps):
        waiting = list(made.admission)
        if step == "come":
            made.come(f"{caller}{number}")
        elif step == "finish" and made.running:
            made.finish(made.running[place % len(made.running)])
        elif waiting:
            turn = waiting[place % len(waiting)]
            assert made.admission.leave(Digest(turn[0]), turn)
        check(made)


def check(made: Hall) -> None:
    waiting = list(made.admission)
    assert (made.admission.running, made.admission.waiting) == (len(made.running), len(waiting))
    assert len(made.running) <= made.admission.slots
    assert len(waiting) <= made.admission.queue_max
    assert not waiting or not made.admission.has_room
    for caller in {turn[0] for turn in waiting}:
        numbers = [int(turn[1:]) for turn in waiting if turn[0] == caller]
        assert numbers == sorted(numbers)
