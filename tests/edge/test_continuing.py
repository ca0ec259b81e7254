"""From a request's words and history to its session: realms, hints, names, keys, ids of ours and of others."""

from typing import Any

import pytest
from edge.continued_places import (
    ALICE,
    BOB,
    CONTINUED,
    MINT,
    OPENING,
    OTHER_REALM,
    READ,
    WRITE,
    Place,
)
from histories import Given, user

from mix2api.clock import SystemClock
from mix2api.errors import StoreUnavailable
from mix2api.identity import Mint
from mix2api.sealing import Seal
from mix2api.sessions.resolution import Reason, Reuse, UnreadableIndex
from mix2api.store.memory import MemorySessionIndex
from mix2api.vocabulary import Digest, SessionId, Shard
from mix2api.wire.turn import ChosenBase

# --- by history


async def test_an_opening_is_made_fresh() -> None:
    found = await Place().find(*OPENING)
    assert (found.session_id, found.reason, found.claimed, found.bind) == (
        None,
        Reason.NO_HISTORY,
        False,
        None,
    )


async def test_a_history_is_continued_where_a_session_waits_at_it_and_only_once() -> None:
    place = Place()
    session = await place.waiting(*OPENING)
    found = await place.find(*CONTINUED)
    assert (found.session_id, found.reason, found.taken) == (session, Reason.LINEAGE, found.lineage.at)
    again = await place.find(*CONTINUED)
    assert (again.session_id, again.reason, again.taken) == (None, Reason.NO_MATCH, None)


SAME_REALM: dict[str, dict[str, Any]] = {
    "tools in another order": {"tools": [WRITE, READ]},
    "other sampling": {"sampling": {"temperature": 0}},
    "streamed": {"stream": True},
    "another limit of tokens": {"max_tokens": 5},
}


@pytest.mark.parametrize("kind", SAME_REALM)
async def test_what_does_not_change_what_the_site_holds_is_continued(kind: str) -> None:
    place = Place()
    session = await place.waiting(*OPENING)
    assert (await place.find(*CONTINUED, **SAME_REALM[kind])).session_id == session


@pytest.mark.parametrize("kind", OTHER_REALM)
async def test_equal_histories_of_different_realms_never_meet(kind: str) -> None:
    place = Place()
    await place.waiting(*OPENING)
    assert (await place.find(*CONTINUED, **OTHER_REALM[kind])).reason is Reason.NO_MATCH
    session = await place.waiting(*OPENING, **OTHER_REALM[kind])
    assert (await place.find(*CONTINUED, **OTHER_REALM[kind])).session_id == session


@pytest.mark.parametrize("system", ["be long", "be brief!", None])
async def test_another_system_prompt_is_another_realm(system: str | None) -> None:
    place = Place()
    await place.waiting(*OPENING)
    leading = [] if system is None else [{"role": "system", "content": system}]
    assert (await place.find(*leading, *CONTINUED[1:])).reason is Reason.NO_MATCH


async def test_a_developer_s_prompt_is_a_system_prompt() -> None:
    place = Place()
    session = await place.waiting(*OPENING)
    found = await place.find({"role": "developer", "content": " be brief\r\n"}, *CONTINUED[1:])
    assert found.session_id == session


async def test_another_site_is_another_realm() -> None:
    place, elsewhere = Place(), Place(site="another")
    elsewhere.index = place.index
    await place.waiting(*OPENING)
    assert (await elsewhere.find(*CONTINUED)).reason is Reason.NO_MATCH


# --- hints


async def test_hints_keep_apart_and_are_no_names() -> None:
    place = Place()
    hinted = {"headers": {"x-session-affinity": "w", "x-session-id": "w"}}
    for _ in range(2):  # a title request and the main run, at once
        found = await place.find(*OPENING, **hinted)
        assert (found.session_id, found.reason, found.bind) == (None, Reason.NO_HISTORY, None)
    assert found.isolation != (await place.find(*OPENING)).isolation


async def test_equal_hints_are_one_key_in_whatever_header_they_stand() -> None:
    place = Place()
    keys = {
        (await place.find(*OPENING, headers=headers)).isolation
        for headers in (
            {"x-session-affinity": "w"},
            {"x-session-id": "w"},
            {"x-session-id": "w", "thread-id": "w"},
        )
    }
    assert len(keys) == 1


async def test_an_empty_hint_is_none() -> None:
    place = Place()
    found = await place.find(*OPENING, headers={"x-session-affinity": "", "x-session-id": ""})
    assert found.isolation == ALICE


async def test_two_callers_with_equal_hints_stay_apart() -> None:
    place = Place()
    one = await place.find(*OPENING, headers={"x-session-id": "1"})
    other = await place.find(*OPENING, headers={"x-session-id": "1"}, isolation=BOB)
    assert one.isolation != other.isolation


# --- ids of ours


@pytest.mark.parametrize("place_of_it", ["header", "body"])
async def test_an_id_that_we_issued_is_continued_where_there_is_no_history(place_of_it: str) -> None:
    issued = MINT.session_id(Shard(3))
    where: dict[str, Any] = (
        {"headers": {"x-session-id": issued}} if place_of_it == "header" else {"session": issued}
    )
    found = await Place().find(*OPENING, **where)
    assert (found.session_id, found.reason, found.isolation) == (issued, Reason.NAMED, ALICE)
    assert (found.claimed, found.taken) == (False, None)


async def test_a_history_beats_an_id_that_we_issued() -> None:
    place = Place()
    session = await place.waiting(*OPENING)
    found = await place.find(*CONTINUED, headers={"x-session-id": MINT.session_id(Shard(3))})
    assert (found.session_id, found.reason) == (session, Reason.LINEAGE)


async def test_an_id_of_another_deployment_is_a_hint() -> None:
    other = Mint(Seal(b"another deployment's secret"), SystemClock()).session_id(Shard(3))
    found = await Place().find(*OPENING, headers={"x-session-id": other})
    assert (found.session_id, found.reason) == (None, Reason.NO_HISTORY)
    assert found.isolation != ALICE


# --- names


async def test_a_name_is_claimed_once_and_then_leads_to_its_session() -> None:
    place = Place()
    first = await place.find(*OPENING, session="mine")
    assert first.session_id is not None
    assert (first.claimed, first.reason) == (True, Reason.NEW_NAME)
    assert MINT.issued(first.session_id) == first.session_id
    second = await place.find(user("else"), session="mine")
    assert (second.session_id, second.claimed, second.reason) == (first.session_id, False, Reason.NAMED)
    assert first.bind == second.bind


async def test_two_callers_who_name_their_session_alike_have_two() -> None:
    place = Place()
    one = await place.find(*OPENING, session="1")
    other = await place.find(*OPENING, session="1", isolation=BOB)
    assert one.session_id != other.session_id
    assert one.bind != other.bind


async def test_a_name_goes_with_the_session_that_the_history_finds() -> None:
    place = Place()
    session = await place.waiting(*OPENING)
    name = (await place.find(*OPENING, session="mine")).bind
    found = await place.find(*CONTINUED, session="mine")
    assert (found.session_id, found.bind) == (session, name)
    lost = await place.find(*CONTINUED, session="mine")
    assert (lost.reason, lost.bind) == (Reason.NO_MATCH, name)


@pytest.mark.parametrize("where", [{"headers": {"x-session-id": "new"}}, {"session": "new"}])
async def test_new_is_no_name_and_no_hint(where: dict[str, Any]) -> None:
    place = Place()
    await place.waiting(*OPENING)
    found = await place.find(*CONTINUED, **where)
    assert (found.session_id, found.reason, found.bind, found.isolation) == (
        None,
        Reason.ASKED_NEW,
        None,
        ALICE,
    )


# --- keys


async def test_a_key_is_a_name_for_requests_without_a_history() -> None:
    place = Place()
    session = await place.waiting(*OPENING)
    first = await place.find(*OPENING, keyed=True)
    second = await place.find(user("else"), keyed=True)
    assert (first.reason, second.reason, second.session_id) == (
        Reason.NEW_NAME,
        Reason.NAMED,
        first.session_id,
    )
    continued = await place.find(*CONTINUED, keyed=True)
    assert (continued.session_id, continued.bind) == (session, first.bind)


async def test_with_key_reuse_everything_of_a_caller_goes_to_one_session() -> None:
    place = Place(Reuse.KEY)
    first = await place.find(*OPENING)
    second = await place.find(*CONTINUED)
    assert (second.session_id, second.reason, second.taken) == (first.session_id, Reason.KEY, None)
    assert (await place.find(*OPENING, isolation=BOB)).session_id != first.session_id


# --- the index fails


class Damaged(MemorySessionIndex):
    async def take(self, *places: Digest) -> tuple[Digest, SessionId] | None:
        del places
        raise UnreadableIndex

    async def claim(self, name: Digest, session_id: SessionId) -> SessionId:
        del name, session_id
        raise UnreadableIndex


class Away(MemorySessionIndex):
    async def take(self, *places: Digest) -> tuple[Digest, SessionId] | None:
        del places
        raise StoreUnavailable


@pytest.mark.parametrize("history", [OPENING, CONTINUED])
async def test_what_the_index_cannot_tell_is_made_fresh_under_the_same_name(history: list[Given]) -> None:
    name = (await Place().find(*OPENING, session="mine")).bind
    place = Place(index=Damaged())
    found = await place.find(*history, session="mine")
    assert (found.session_id, found.claimed, found.reason, found.bind) == (
        None,
        False,
        Reason.SCHEMA_FALLBACK,
        name,
    )
    assert place.fallbacks == 1


async def test_an_index_that_is_away_is_not_taken_for_an_empty_one() -> None:
    place = Place(index=Away())
    with pytest.raises(StoreUnavailable):
        await place.find(*CONTINUED)
    assert place.fallbacks == 0


# --- chosen upstreams


def _base(url: str) -> ChosenBase:
    return ChosenBase(url=url, host="x", addresses=("8.8.8.8",))


async def test_a_history_continues_only_at_the_upstream_where_it_was_made() -> None:
    place = Place()
    session = await place.waiting(*OPENING, base=_base("https://a"))
    assert (await place.find(*CONTINUED)).reason is Reason.NO_MATCH
    assert (await place.find(*CONTINUED, base=_base("https://b"))).reason is Reason.NO_MATCH
    assert (await place.find(*CONTINUED, base=_base("https://a"))).session_id == session


async def test_a_name_is_another_session_s_at_another_upstream() -> None:
    place = Place()
    sessions = [
        (await place.find(user("one"), session="1", base=base)).session_id
        for base in (None, _base("https://a"), _base("https://b"), None, _base("https://a"))
    ]
    assert sessions[:2] == sessions[3:]
    assert len(set(sessions)) == 3


async def test_a_session_s_own_id_does_not_lead_to_another_upstream() -> None:
    place = Place()
    here, there = await place.find(user("one")), await place.find(user("one"), base=_base("https://a"))
    assert here.isolation != there.isolation, "its actor refuses another isolation key"
