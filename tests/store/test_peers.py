"""When another process is taken for silent: only by looks that followed each other, and that Redis answered."""

from attrs import evolve

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
    assert not peers.has_places
    peers.hear(with_room(b"1", a=5, b=0), 11)
    assert not peers.take_place(A)
    peers.hear(with_room(b"2", a=1, b=0), 12)
    assert peers.has_places
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


def test_a_process_whose_room_is_not_known_is_neither_full_nor_sought() -> None:
    peers = Peers(3)
    peers.hear(with_room(b"1", a=None), 10)
    assert peers.take_place(A)
    assert peers.take_place(B)
    assert not peers.has_places


def test_no_place_is_sought_at_a_process_that_takes_no_shards_or_is_silent() -> None:
    peers = Peers(1)
    peers.hear([evolve(peer(takes=False), room=5)], 10)
    assert not peers.has_places
    for now_s in (11, 11.5, 12):
        peers.hear(with_room(b"1", a=5), now_s)
    assert peers.is_silent(A)
    assert not peers.has_places
