"""Which turns an abort means."""

from mix2api.sessions.aborting import AbortAsked, is_asked_for
from mix2api.sessions.bridged import Bridged
from mix2api.vocabulary import Digest, SessionId

ONE, OTHER = SessionId("ses_1"), SessionId("ses_2")
CALLER = Digest("caller")


def bridged(scope: str) -> Bridged:
    keys = {"actor_key": Digest("a"), "project_key": Digest("p"), "scope_key": Digest(scope)}
    return Bridged(client_session="c", trace="t", **keys)


def test_a_session_of_ours_is_meant_by_its_id_alone() -> None:
    asked = AbortAsked(caller=CALLER, session_id=ONE)
    assert is_asked_for(asked, ONE, None)
    assert is_asked_for(asked, ONE, bridged("s"))
    assert not is_asked_for(asked, OTHER, None)


def test_a_client_session_is_meant_by_its_scope_in_whichever_session_of_ours() -> None:
    asked = AbortAsked(caller=CALLER, scope_key=Digest("s"))
    assert is_asked_for(asked, ONE, bridged("s"))
    assert is_asked_for(asked, OTHER, bridged("s"))
    assert not is_asked_for(asked, ONE, bridged("t"))
    assert not is_asked_for(asked, ONE, None)
