"""When another process is taken for silent: only by looks that followed each other, and that Redis answered."""

import pytest
from attrs import evolve

from mix2api.store.newcomer import Newcomer
from mix2api.store.peers import Peer, Peers
from mix2api.store.rendezvous import Taker
from mix2api.vocabulary import Digest, ProcessId

A, B = ProcessId("p_a"), ProcessId("p_b")


def peer(process: ProcessId = A, beat: bytes | None = b"1", *, takes: bool = True) -> Peer:
    mark = None if beat is None else (beat, b"")
    return Peer(process=process, mark=mark, takes=takes, weight=100, holder=f"{process}:n")


def heard(peers: Peers, *looks: tuple[float, bytes | None]) -> Peers:
    for now_s, beat in looks:
        peers.hear([peer(beat=beat)], now_s)
    return peers


def test_a_process_is_silent_once_its_mark_was_the_same_for_a_whole_lease() -> None:
    peers = heard(Peers(3), (10, b"1"), (11, b"1"), (12, b"1"))
    assert not peers.is_silent(A)
    assert peers.takers() == [Taker(A, 100)]
    heard(peers, (13, b"1"))
    assert peers.is_silent(A)
    assert peers.silent_mark(A) == (b"1", b"")
    assert peers.takers() == []
    heard(peers, (14, b"2"))
    assert not peers.is_silent(A)
    assert peers.silent_mark(A) is None


def test_a_pause_of_our_own_counts_for_half_a_lease_at_most() -> None:
    peers = heard(Peers(3), (10, b"1"), (60, b"1"))
    assert not peers.is_silent(A)
    assert heard(peers, (120, b"1")).is_silent(A)


def test_after_an_outage_the_silence_begins_anew() -> None:
    peers = heard(Peers(2), (10, b"1"), (11, b"1"))
    peers.forget_silence()
    assert not heard(peers, (12, b"1")).is_silent(A)
    assert heard(peers, (13, b"1")).is_silent(A)


def test_a_version_without_a_mark_is_never_silent() -> None:
    peers = heard(Peers(1), (10, None), (11, None), (12, None), (13, None))
    assert not peers.is_silent(A)
    assert peers.takers() == [Taker(A, 100)]


def test_a_process_that_takes_no_shards_or_is_gone_is_no_taker() -> None:
    peers = Peers(1)
    peers.hear([peer(), peer(B, takes=False)], 10)
    assert peers.takers() == [Taker(A, 100)]
    assert (peers.holder(B), peers.holder(ProcessId("p_c"))) == ("p_b:n", None)
    peers.hear([peer(B)], 11)
    assert peers.takers() == [Taker(B, 100)]
    assert not peers.is_silent(A)


def with_room(beat: bytes, **rooms: int | None) -> list[Peer]:
    peers = {"a": peer(A, beat), "b": peer(B, beat)}
    return [evolve(peers[name], room=room) for name, room in rooms.items()]


def test_a_process_fills_its_part_of_another_one_s_room_until_that_one_s_next_beat() -> None:
    peers = Peers(3)
    peers.hear(with_room(b"1", a=5, b=0), 10)
    assert [peers.take_place(A) for _ in range(4)] == [True, True, True, False]  # half of 5, rounded up
    assert not peers.take_place(B)
    assert not peers.has_places()
    peers.hear(with_room(b"1", a=5, b=0), 11)
    assert not peers.take_place(A)
    peers.hear(with_room(b"2", a=1, b=0), 12)
    assert peers.has_places()
    assert [peers.take_place(A) for _ in range(2)] == [True, False]


def test_the_slots_of_a_caller_are_those_that_all_living_processes_tell() -> None:
    peers = Peers(1)
    a, b = evolve(peer(A), slots={"0" * 16: 3, "1" * 16: 1}), peer(B)
    for now_s, beat in ((10, b"1"), (10.5, b"2"), (11, b"3")):
        peers.hear([a, evolve(b, mark=(beat, b""), slots={"0" * 16: 2})], now_s)
    assert (peers.slots_of(Digest("0" * 32)), peers.slots_of(Digest("1" * 32))) == (2, 0), "one is silent"
    peers.hear([evolve(a, mark=(b"2", b""))], 11.5)
    assert (peers.slots_of(Digest("0" * 32)), peers.slots_of(Digest("1" * 32))) == (3, 1)
    assert peers.slots_of(Digest("2" * 32)) == 0


_POOR, _RICH = Digest("0" * 32), Digest("1" * 32)


def newcomer(slots: int, *, is_next: bool = False, queue_is_full: bool = False) -> Newcomer:
    return Newcomer(caller=_POOR, slots=slots, is_next=is_next, queue_is_full=queue_is_full)


def full_at(level: int | None, beat: bytes = b"1", queue_room: int = 0) -> Peers:
    """Another process without a free slot, whose next one is for a caller with so many."""
    peers = Peers(3)
    peers.hear([evolve(peer(A, beat), room=0, level=level, queue_room=queue_room)], 10)
    return peers


@pytest.mark.parametrize(
    ("level", "slots", "is_sooner"),
    [(4, 2, True), (3, 2, False), (4, 3, False), (0, 0, False), (None, 0, False)],
)
def test_a_turn_goes_where_the_next_slot_is_for_a_caller_with_two_more(
    level: int | None, slots: int, *, is_sooner: bool
) -> None:
    peers = full_at(level)
    assert peers.has_places(newcomer(slots)) is is_sooner
    assert peers.take_place(A, newcomer(slots)) is is_sooner
    assert not peers.has_places(), "no slot is free"
    assert not peers.has_places(newcomer(slots, is_next=True)), "it would be served next where it came"


def test_a_caller_takes_slots_until_it_holds_as_many_as_who_would_be_served() -> None:
    peers = full_at(7)
    taken = 0
    while peers.take_place(A, newcomer(peers.slots_of(_POOR))):
        taken += 1
    assert taken == 3, "of seven slots, three have become the newcomer's, and four are left"


def test_a_turn_that_ends_gives_its_place_back_before_the_next_beat_says_so() -> None:
    peers = Peers(3)
    peers.hear(with_room(b"1", a=2), 10)
    assert [peers.take_place(A, newcomer(0)) for _ in range(2)] == [True, True]
    assert peers.slots_of(_POOR) == 2
    peers.hear(with_room(b"1", a=2), 11)
    assert (peers.has_places(), peers.slots_of(_POOR)) == (False, 2)
    peers.give_back(A, _POOR)
    assert (peers.has_places(), peers.slots_of(_POOR)) == (True, 1)
    peers.hear([evolve(peer(A, b"2"), room=0, slots={"0" * 16: 1})], 12)
    assert (peers.has_places(), peers.slots_of(_POOR)) == (False, 1)
    peers.give_back(A, _POOR)  # it was among the slots that the beat told
    assert (peers.has_places(), peers.slots_of(_POOR)) == (True, 0)
    peers.give_back(A, None)  # of an edge, for whoever asked there
    peers.give_back(B, _POOR)  # a process that is gone
    assert peers.slots_of(_POOR) == 0


def test_a_turn_for_which_the_queue_is_full_goes_to_a_queue_that_is_not() -> None:
    peers = full_at(0, queue_room=3)
    assert not peers.has_places(newcomer(5))
    refused = newcomer(5, queue_is_full=True)
    assert [peers.take_place(A, refused) for _ in range(3)] == [True, True, False], "half of 3, rounded up"


def test_waiting_turns_of_a_caller_are_those_that_all_living_processes_tell() -> None:
    peers = Peers(3)
    peers.hear([evolve(peer(A), waits={"0" * 16: 3}), evolve(peer(B), waits={"0" * 16: 2})], 10)
    assert (peers.waiting_of(_POOR), peers.waiting_of(_RICH)) == (5, 0)


def test_a_process_whose_room_is_not_known_is_neither_full_nor_sought() -> None:
    peers = Peers(3)
    peers.hear(with_room(b"1", a=None), 10)
    assert peers.take_place(A)
    assert peers.take_place(B)
    assert not peers.has_places()


def test_no_place_is_sought_at_a_process_that_takes_no_shards_or_is_silent() -> None:
    peers = Peers(1)
    peers.hear([evolve(peer(takes=False), room=5)], 10)
    assert not peers.has_places()
    for now_s in (11, 11.5, 12):
        peers.hear(with_room(b"1", a=5), now_s)
    assert peers.is_silent(A)
    assert not peers.has_places()
