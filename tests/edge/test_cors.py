"""What browsers are told (CORS)."""

import msgspec
import pytest
from edge.harness import ASK, running_edge

from mix2api.edge.cors import Cors

PAGE = "http://localhost:5173"
PREFLIGHT = {
    "origin": PAGE,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
    "authorization": "",
}


@pytest.mark.parametrize("origins", [(PAGE,), ("*",), ("https://other.example", PAGE)])
async def test_a_preflight_of_an_allowed_page_is_told_what_it_asked_for(origins: tuple[str, ...]) -> None:
    async with running_edge(cors_origins=origins) as edge:
        answer = await edge.send("OPTIONS", "/v1/chat/completions", b"", PREFLIGHT)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["access-control-allow-origin"] in {PAGE, "*"}
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers


async def test_another_page_is_told_nothing() -> None:
    async with running_edge(cors_origins=("https://other.example",)) as edge:
        preflight = await edge.send("OPTIONS", "/v1/chat/completions", b"", PREFLIGHT)
        answer = await edge.chat({"origin": PAGE})
    assert "access-control-allow-origin" not in preflight.headers
    assert "access-control-allow-origin" not in answer.headers
    assert preflight.headers["vary"] == answer.headers["vary"] == "origin"


async def test_every_answer_may_be_read_by_an_allowed_page_the_refusals_too() -> None:
    async with running_edge(cors_origins=(PAGE,)) as edge:
        stream = await edge.chat({"origin": PAGE}, stream=True)
        whole = await edge.chat({"origin": PAGE})
        refused = await edge.chat({"origin": PAGE, "authorization": ""})
        models = await edge.send("GET", "/v1/models", b"", {"origin": PAGE})
    for answer in (stream, whole, refused, models):
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "x-session-id" in answer.headers["access-control-expose-headers"]


async def test_without_the_setting_nothing_is_said_and_options_is_no_method() -> None:
    async with running_edge() as edge:
        preflight = await edge.send("OPTIONS", "/v1/chat/completions", b"", PREFLIGHT)
        answer = await edge.chat({"origin": PAGE})
    assert preflight.status == 405
    assert "vary" not in answer.headers


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("POST", {b"origin": b"x", b"access-control-request-method": b"POST"}),
        ("OPTIONS", {b"origin": b"x"}),
        ("OPTIONS", {b"access-control-request-method": b"POST"}),
    ],
)
def test_another_request_is_no_preflight(method: str, given: dict[bytes, bytes]) -> None:
    assert not Cors((PAGE,)).is_preflight(method, given)


def test_a_preflight_that_asks_for_no_headers_is_told_none() -> None:
    told = dict(Cors(("*",)).preflight_headers({b"origin": b"x"}))
    assert "access-control-allow-headers" not in told
    assert told["access-control-allow-origin"] == "*"


async def test_an_options_request_that_is_no_preflight_is_refused_as_ever() -> None:
    async with running_edge(cors_origins=("*",)) as edge:
        answer = await edge.send("OPTIONS", "/v1/models", msgspec.json.encode(ASK), {"origin": PAGE})
    assert answer.status == 405


@pytest.mark.parametrize(("origin", "told"), [("x", "true"), ("y", None)])
def test_an_allowed_page_of_the_public_net_may_ask_an_adapter_on_this_machine(
    origin: str, told: str | None
) -> None:
    given = {b"origin": origin.encode(), b"access-control-request-private-network": b"true"}
    assert dict(Cors(("x",)).preflight_headers(given)).get("access-control-allow-private-network") == told
