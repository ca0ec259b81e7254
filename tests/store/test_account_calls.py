"""Calls that choose an account: packed in parts, they are what packing them whole gives."""

import hashlib
from typing import Final

import hiredis
import pytest

from mix2api.accounts.port import Asking, Offered, Roster
from mix2api.store.account_calls import ChoiceCalls
from mix2api.store.choice_script import CHOOSE
from mix2api.store.keys import Keys
from mix2api.store.redis.routing import slot_of_command
from mix2api.store.redis.wire import packed
from mix2api.vocabulary import Digest

KEYS: Final = Keys("m")
ROSTER: Final = Roster((Offered("a", 2, 0), Offered("b", 1, 1)))
OTHERS: Final = [
    f"m:{{accounts:openai}}:{kind}" for kind in ("states", "turns", "limits", "changes", "plan", "order")
]
DIGEST: Final = hashlib.sha1(ROSTER.packed.encode(), usedforsecurity=False).hexdigest()


def calls() -> ChoiceCalls:
    return ChoiceCalls(KEYS, "openai", "apikey", 3_600_000)


@pytest.mark.parametrize(
    ("key", "owned", "mode"), [(None, False, 0), ("k", False, 1), ("k", True, 2), (None, True, 3)]
)
@pytest.mark.parametrize("model", ["gpt-5", "模型 one|two"])
@pytest.mark.parametrize("told", [False, True])
def test_a_call_is_packed_as_the_client_library_packs_it(
    key: str | None, *, owned: bool, mode: int, model: str, told: bool
) -> None:
    asking = Asking(api_key=None if key is None else Digest(key), model=model, is_owned=owned)
    binding = OTHERS[0] if key is None else f"m:{{accounts:openai}}:session:binding:apikey:{key}"
    roster_key = OTHERS[0] if owned else f"m:{{accounts:openai}}:roster:{DIGEST}"
    roster = ROSTER.packed if owned or told else ""
    word = model if model.isascii() else "%E6%A8%A1%E5%9E%8B%20one%7Ctwo"
    times = (300_000, 3_600_000, 30_000, "openai")
    words = [mode, "|a b|", *times, model, roster, word, "" if owned else DIGEST]
    whole = CHOOSE.call([binding, *OTHERS, roster_key], words)
    made = calls()
    for _ in range(2):  # anew, and from what is kept
        call = made.call(asking, ROSTER, "|a b|", is_told=told and not owned)
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
        assert DIGEST.encode() in packed(made.call(asking, ROSTER, ""))
        assert DIGEST.encode() not in packed(made.call(asking, smaller, ""))
        assert b"|b 1 1|" in packed(made.call(asking, ROSTER, "", is_told=True))
        assert len(made._rosters) <= 2
