"""Calls that choose an account: packed in parts, they are what packing them whole gives."""

from typing import Final

import hiredis
import pytest

from mix2api.accounts.port import Asking, Offered, Roster
from mix2api.store.account_calls import ChoiceCalls
from mix2api.store.account_scripts import CHOOSE
from mix2api.store.keys import Keys
from mix2api.store.redis.routing import slot_of_command
from mix2api.store.redis.wire import packed
from mix2api.vocabulary import Digest

KEYS: Final = Keys("m")
ROSTER: Final = Roster((Offered("a", 2, 0), Offered("b", 1, 1)))
OTHERS: Final = ["m:{accounts:openai}:states", "m:{accounts:openai}:turns", "m:{accounts:openai}:limits"]


def calls() -> ChoiceCalls:
    return ChoiceCalls(KEYS, "openai", "apikey", 3_600_000)


@pytest.mark.parametrize(
    ("key", "owned", "mode"), [(None, False, 0), ("k", False, 1), ("k", True, 2), (None, True, 3)]
)
@pytest.mark.parametrize("model", ["gpt-5", "模型 one|two"])
def test_a_call_is_packed_as_the_client_library_packs_it(
    key: str | None, *, owned: bool, mode: int, model: str
) -> None:
    asking = Asking(api_key=None if key is None else Digest(key), model=model, is_owned=owned)
    binding = OTHERS[0] if key is None else f"m:{{accounts:openai}}:session:binding:apikey:{key}"
    word = model if model.isascii() else "%E6%A8%A1%E5%9E%8B%20one%7Ctwo"
    times = (300_000, 3_600_000, 30_000, "openai")
    whole = CHOOSE.call([binding, *OTHERS], [mode, "|a b|", *times, model, ROSTER.packed, word])
    made = calls()
    for _ in range(2):  # anew, and from what is kept
        call = made.call(asking, ROSTER, "|a b|")
        assert packed(call) == hiredis.pack_command(whole)
        assert slot_of_command(call) == slot_of_command(whole)


def test_a_roster_that_changed_is_packed_anew_and_those_that_are_kept_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mix2api.store.account_calls._ROSTERS", 2)
    made = calls()
    smaller = Roster((Offered("a", 2, 0),))
    for model in ("one", "two", "three"):
        asking = Asking(api_key=Digest("k"), model=model)
        assert b"|b 1 1|" in packed(made.call(asking, ROSTER, ""))
        assert b"|b 1 1|" not in packed(made.call(asking, smaller, ""))
        assert len(made._rosters) <= 2
