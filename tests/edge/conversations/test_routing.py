"""Routes of the conversations API, and the parameters of their requests."""

import pytest

from mix2api.edge.conversations.routing import Answer, Asked, Route, Routes
from mix2api.errors import InvalidRequest, MethodNotAllowed, NotFound
from mix2api.vocabulary import Digest
from mix2api.wire.object_fields import ObjectFields


async def handle(_: Asked) -> Answer:
    return Answer(None)


ROUTES = Routes(
    (
        Route("GET", "/api/a.b/{one}", handle),
        Route("PUT", "/api/a.b/{one}", handle),
        Route("GET", "/api/a.b/{one}/two/{three}", handle),
    )
)


def asked(body: dict[str, object] | None = None, **query: str) -> Asked:
    return Asked(caller=Digest("c"), request_id="r", path={}, query=query, body=ObjectFields(body or {}))


def test_a_route_is_found_by_method_and_path_with_its_parameters() -> None:
    route, path = ROUTES.find("PUT", "/api/a.b/x")
    assert (route.method, path) == ("PUT", {"one": "x"})
    route, path = ROUTES.find("GET", "/api/a.b/x/two/y/")
    assert (route.template, path) == ("/api/a.b/{one}/two/{three}", {"one": "x", "three": "y"})


@pytest.mark.parametrize("path", ["/api/aXb/x", "/api/a.b/x/y", "/api/a.b/", "/api/"])
def test_another_path_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        ROUTES.find("GET", path)


def test_another_method_is_told_those_of_the_path() -> None:
    with pytest.raises(MethodNotAllowed, match="GET, PUT"):
        ROUTES.find("DELETE", "/api/a.b/x")


def test_a_number_has_a_default_and_bounds() -> None:
    assert (asked().page_size(), asked(limit="7").page_size(), asked(limit="007").page_size()) == (50, 7, 7)
    for word in ("0", "201", "-1", "x", "", "٣", "9" * 5000):
        with pytest.raises(InvalidRequest, match="'limit'"):
            asked(limit=word).page_size()


def test_a_flag_stands_in_the_query_or_in_the_body() -> None:
    assert not asked().is_set("wait")
    assert asked(wait="true").is_set("wait")
    assert asked({"wait": True}, wait="false").is_set("wait")
    with pytest.raises(InvalidRequest, match="'wait'"):
        asked(wait="yes").is_set("wait")
