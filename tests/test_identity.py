"""Ids: what they carry, and that nobody else can make them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.identity import Mint, shard_of
from mix2api.sealing import Seal
from mix2api.vocabulary import SessionId, Shard


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.at_ms = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_ms(self) -> float:
        return 0.0


CLOCK = Clock()
MINT = Mint(Seal(b"one secret of sixteen"), CLOCK)
STRANGER = Mint(Seal(b"another secret of that"), CLOCK)


@given(st.integers(0, 0xFFFF))
def test_a_session_id_carries_its_shard_and_is_known_as_ours(number: int) -> None:
    session = MINT.session_id(Shard(number))
    assert shard_of(session) == number
    assert MINT.issued(session) == session
    assert STRANGER.issued(session) is None


@pytest.mark.parametrize("name", ["", "ses_", "my-session", "new", "ses_0001" + "a" * 22 + "_" + "0" * 16])
def test_a_caller_s_own_word_is_none_of_ours(name: str) -> None:
    assert MINT.issued(name) is None


def test_a_changed_id_is_none_of_ours() -> None:
    session = MINT.session_id(Shard(1))
    elsewhere = session.replace("ses_0001", "ses_0002")
    for forged in (elsewhere, session[:-1] + ("0" if session[-1] != "0" else "1"), session + "\n"):
        assert MINT.issued(forged) is None


@pytest.mark.parametrize("name", ["", "run_0", "ses_0001", "ses_zzzz" + "a" * 22 + "_" + "0" * 16])
def test_only_a_session_id_has_a_shard(name: str) -> None:
    with pytest.raises(ValueError, match="session id"):
        shard_of(SessionId(name))


def test_later_runs_sort_after_earlier_ones() -> None:
    clock = Clock()
    mint = Mint(Seal(b"one secret of sixteen"), clock)
    runs = []
    for _ in range(5):
        runs.append(mint.run_id())
        clock.at_ms += 1
    assert runs == sorted(runs)
    assert all(re.fullmatch(r"run_[0-9a-f]{28}", run) for run in runs)


def test_no_two_ids_are_the_same() -> None:
    made = [MINT.run_id() for _ in range(100)]
    made += [MINT.session_id(Shard(1)) for _ in range(100)]
    made += [MINT.request_id() for _ in range(100)]
    made += [MINT.process_id() for _ in range(100)]
    assert len(set(made)) == 400


def test_a_made_request_id_is_an_acceptable_one() -> None:
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", MINT.request_id())


def test_a_process_id_can_stand_in_keys_and_tokens() -> None:
    """Holder words are `<process>:<nonce>`: it has no colon and no blank."""
    assert re.fullmatch(r"p_[0-9a-f]{12}", MINT.process_id())


def test_shards_are_drawn_from_those_there_are() -> None:
    assert {MINT.draw_one(range(2)) for _ in range(100)} == {0, 1}
    assert {MINT.draw_one([Shard(3), Shard(5)]) for _ in range(100)} == {3, 5}
