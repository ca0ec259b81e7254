"""The envelope of the conversations API."""

import msgspec
import pytest

from mix2api.edge.conversations.envelope import failure, success
from mix2api.errors import (
    AdapterError,
    AuthenticationFailed,
    ClientVisibleError,
    Conflict,
    InvalidRequest,
    NotFound,
    Overloaded,
    StoreUnavailable,
)
from mix2api.vocabulary import Detail


def test_a_success_gives_its_data() -> None:
    assert msgspec.json.decode(success([1])) == {"code": "0000", "info": "success", "data": [1]}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AdapterError("x"), "0001"),
        (InvalidRequest("x"), "0002"),
        (NotFound("x"), "0002"),
        (AuthenticationFailed("x"), "0003"),
        (Conflict("x"), "0004"),
        (Overloaded("x", detail=Detail.QUEUE), "0005"),
        (StoreUnavailable("x"), "0006"),
    ],
)
def test_a_failure_has_the_code_of_its_kind(error: ClientVisibleError, code: str) -> None:
    assert msgspec.json.decode(failure(error)) == {"code": code, "info": "x", "data": None}


def test_a_conflict_gives_what_stands() -> None:
    assert msgspec.json.decode(failure(Conflict("x", current={"version": 3})))["data"] == {"version": 3}
