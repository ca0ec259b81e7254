"""From a request to its session, where an agent has put a summary in place of its history (ADR 61)."""

import pytest
from edge.continued_places import (
    CONTINUED,
    OPENING,
    OTHER_REALM,
    SYSTEM,
    Place,
)
from histories import Given, answer, user

from mix2api.edge.seen_realms import REALMS, Seen
from mix2api.sessions.resolution import Reason, Reuse

SUMMED_UP = user(
    "This session is being continued from a previous conversation that ran out of context. Summary: a"
)
ASKED_AGAIN = [SYSTEM, user("What did we do so far?"), answer("a summary"), user("go on")]
COMPACTED: dict[str, list[Given]] = {
    "one message": [SYSTEM, SUMMED_UP],
    "a question and its answer": ASKED_AGAIN,
    "instructions behind it": [user("one"), SUMMED_UP, SYSTEM, user("two")],
}


@pytest.mark.parametrize("kind", COMPACTED)
async def test_a_compacted_history_of_a_realm_that_was_seen_is_made_fresh_as_such_once(kind: str) -> None:
    place = Place()
    session = await place.waiting(*OPENING)
    found = await place.find(*COMPACTED[kind])
    assert (found.session_id, found.reason, found.taken) == (None, Reason.COMPACTED, None)
    again = await place.find(*COMPACTED[kind])
    assert again.reason in {Reason.NO_HISTORY, Reason.NO_MATCH}, "it has had its session"
    assert (await place.find(*CONTINUED)).session_id == session, "the old one waits on"


@pytest.mark.parametrize("kind", COMPACTED)
async def test_what_follows_a_compacted_history_is_continued(kind: str) -> None:
    place = Place()
    await place.find(*OPENING)
    session = await place.waiting(*COMPACTED[kind])
    found = await place.find(*COMPACTED[kind], answer("hello"), user("more"))
    assert (found.session_id, found.reason) == (session, Reason.LINEAGE)


@pytest.mark.parametrize("kind", OTHER_REALM)
async def test_a_summary_in_a_realm_that_was_not_seen_is_no_compaction(kind: str) -> None:
    place = Place()
    await place.find(*OPENING)
    assert (await place.find(SYSTEM, SUMMED_UP, **OTHER_REALM[kind])).reason is Reason.NO_HISTORY


async def test_a_compacted_history_takes_its_session_s_name_over() -> None:
    place = Place()
    named = await place.find(*OPENING, session="mine")
    assert named.claimed
    found = await place.find(SYSTEM, SUMMED_UP, session="mine")
    assert (found.session_id, found.reason, found.bind) == (None, Reason.COMPACTED, named.bind)


async def test_a_key_that_decides_alone_decides_over_a_compacted_history_too() -> None:
    place = Place(Reuse.KEY)
    first = await place.find(*OPENING)
    found = await place.find(SYSTEM, SUMMED_UP)
    assert (found.session_id, found.reason) == (first.session_id, Reason.KEY)


async def test_the_realm_that_was_seen_longest_ago_is_forgotten_first() -> None:
    place = Place()
    for realm in range(REALMS):
        place.seen.turns[realm] = Seen(0, None)
    await place.find(*OPENING)
    assert (len(place.seen.turns), 0 in place.seen.turns, 1 in place.seen.turns) == (REALMS, False, True)
    assert (await place.find(SYSTEM, SUMMED_UP)).reason is Reason.COMPACTED
