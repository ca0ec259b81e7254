"""Whose run it is: ids that callers choose, ids that are drawn, and fingerprints that keep callers apart."""

import pytest

from mix2api.errors import InvalidRequest
from mix2api.sessions.bridged import ID_LIMIT, TOKEN_LIMIT, Asked, Bridged, bridged_of
from mix2api.vocabulary import Digest


def digest(data: bytes, purpose: str) -> Digest:
    return Digest(f"{purpose}:{data.decode()}")


def bridged(caller: str = "one", **said: str) -> Bridged:
    return bridged_of(Asked(**said), Digest(caller), digest, lambda prefix: f"{prefix}-drawn")


def test_what_a_request_does_not_say_is_drawn() -> None:
    found = bridged()
    assert (found.client_session, found.trace) == ("agent-drawn", "trace-drawn")
    assert (found.project, found.access_token) == ("", None)


def test_the_word_new_makes_a_new_client_session() -> None:
    assert bridged(client_session="new").client_session == "agent-drawn"


def test_ids_lose_the_blanks_around_them() -> None:
    found = bridged(client_session=" tab ", trace=" t ", project=" house ")
    assert (found.client_session, found.trace, found.project) == ("tab", "t", "house")


def test_two_callers_with_the_same_ids_never_meet() -> None:
    same = {"client_session": "tab", "user": "u", "project": "p"}
    one, other = bridged("one", **same), bridged("other", **same)
    assert {one.actor_key, one.project_key, one.scope_key}.isdisjoint(
        {other.actor_key, other.project_key, other.scope_key}
    )


@pytest.mark.parametrize("field", ["client_session", "user", "project"])
def test_each_id_is_part_of_the_scope(field: str) -> None:
    assert bridged(**{field: "a"}).scope_key != bridged(**{field: "b"}).scope_key


@pytest.mark.parametrize(
    ("field", "header", "limit"),
    [
        ("client_session", "x-session-id", ID_LIMIT),
        ("trace", "x-trace-id", ID_LIMIT),
        ("project", "x-project-id", ID_LIMIT),
        ("user", "x-user-id", ID_LIMIT),
        ("access_token", "x-access-token", TOKEN_LIMIT),
    ],
)
def test_an_id_that_is_too_long_or_cannot_be_printed_is_refused_by_its_header(
    field: str, header: str, limit: int
) -> None:
    assert bridged(**{field: "x" * limit})
    for wrong in ("x" * (limit + 1), "a\x00b"):
        with pytest.raises(InvalidRequest, match=str(limit)) as refused:
            bridged(**{field: wrong})
        assert refused.value.param == header


def test_its_text_shows_nothing_that_a_caller_said() -> None:
    found = bridged_of(
        Asked(client_session="planted", project="planted", access_token="planted"),
        Digest("caller"),
        lambda _data, purpose: Digest(purpose),
        lambda prefix: prefix,
    )
    assert repr(found) == "Bridged(scope_key='scope')"
