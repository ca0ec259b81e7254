"""The owner of a turn: by what it refers to, and refused where nobody, or more than one, has made that."""

import pytest

from mix2api.accounts.owners import Owner
from mix2api.edge.owned_turns import OwnedTurns
from mix2api.errors import InvalidRequest, NotFound, PreviousResponseNotFound
from mix2api.sessions.sites import Site, Sites
from mix2api.store.memory import MemoryOwners
from mix2api.vocabulary import Digest
from mix2api.wire.turn import Operation, Reference, Turn

CALLER = Digest("a" * 32)


def turn(*references: Reference, model: str = "m", operation: Operation | None = None) -> Turn:
    return Turn(model=model, messages=[], is_responses=True, refers=list(references), operation=operation)


def refers(to: str, param: str = "input[0].file_id", *, is_strict: bool = True) -> Reference:
    return Reference(to, param, is_strict)


async def owned(asked: Turn, *, is_pool: bool = True) -> Turn:
    owners = MemoryOwners()
    await owners.note(CALLER, ["a1", "a2"], Owner("a", "model-a"))
    await owners.note(CALLER, ["b1"], Owner("b", "model-b"))
    await owners.note(CALLER, ["plain"], Owner("", "model-c"))
    site = Site(digest=Digest("1"), passes_through=True, speaks_responses=True, is_pool=is_pool)
    return await OwnedTurns(owners, Sites.single(site)).owned(asked, CALLER)


async def test_a_turn_that_refers_to_nothing_has_no_owner() -> None:
    asked = turn()
    assert await owned(asked) is asked


async def test_what_one_account_has_made_goes_to_that_account() -> None:
    found = await owned(turn(refers("a1"), refers("a2", is_strict=False), refers("new", is_strict=False)))
    assert (found.owner, found.refers) == ("a", [])
    assert (await owned(turn(refers("plain")))).owner is None


async def test_a_request_for_a_kept_response_gets_its_model() -> None:
    asked = turn(refers("a1", "response_id"), model="", operation=Operation("GET", "a1"))
    found = await owned(asked)
    assert (found.model, found.owner) == ("model-a", "a")


async def test_a_response_that_nobody_knows_is_not_found() -> None:
    with pytest.raises(NotFound) as caught:
        await owned(turn(refers("x", "response_id"), model="", operation=Operation("GET", "x")))
    assert caught.value.error_code == "response_not_found"
    for is_pool in (True, False):
        with pytest.raises(PreviousResponseNotFound, match="whole history"):
            await owned(turn(refers("x", "previous_response_id")), is_pool=is_pool)


async def test_a_thing_of_an_unknown_owner_is_refused_by_a_pool_and_passes_elsewhere() -> None:
    with pytest.raises(InvalidRequest) as caught:
        await owned(turn(refers("x")))
    assert (caught.value.error_code, caught.value.param) == ("owner_unknown", "input[0].file_id")
    assert (await owned(turn(refers("x")), is_pool=False)).owner is None


async def test_things_of_two_accounts_cannot_go_together() -> None:
    with pytest.raises(InvalidRequest) as caught:
        await owned(turn(refers("new", is_strict=False), refers("a1", "p1"), refers("b1", "p2")))
    assert (caught.value.error_code, caught.value.param) == ("conflicting_owners", "p2")
    assert "'p1'" in caught.value.message
