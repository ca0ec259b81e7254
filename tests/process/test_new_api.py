"""new-api's admin API: weights and status of two channels."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from attrs import evolve
from fake_new_api import CANARY, STABLE, TOKEN, FakeNewApi, fake_new_api

from mix2api.process.new_api import PATIENCE_S, GatewayFault, NewApi, NewApiOptions, new_api_client
from mix2api.redaction import MASK
from mix2api.release.gateway import Weights


def new_api_of(fake: FakeNewApi, client: Any, **fields: Any) -> NewApi:
    options = NewApiOptions(
        url=f"http://127.0.0.1:{fake.port}", token=TOKEN, user=1, stable=STABLE, canary=CANARY
    )
    return NewApi(evolve(options, **fields), client)


@asynccontextmanager
async def asked(**behaviour: Any) -> AsyncIterator[tuple[FakeNewApi, NewApi]]:
    client = new_api_client()
    async with fake_new_api(**behaviour) as fake:
        yield fake, new_api_of(fake, client)
        client.close()


@pytest.mark.parametrize("has_status_path", [True, False])
async def test_weights_are_set_the_canary_s_first_and_weight_0_disables_it(*, has_status_path: bool) -> None:
    async with asked(has_status_path=has_status_path) as (fake, new_api):
        await new_api.set_weights(Weights(95, 5))
        assert fake.weights == ((95, 1), (5, 1))
        writes = [call for call in fake.calls if not call.startswith("GET")]
        assert (writes, fake.calls[0]) == (["PUT /api/channel/"] * 2, f"GET /api/channel/{CANARY}")
        await new_api.set_weights(Weights(100, 0))
        assert fake.weights == ((100, 1), (0, 2))
        await new_api.set_weights(Weights(0, 100))
        assert fake.weights == ((0, 1), (100, 1))


async def test_a_stable_channel_that_its_operator_disabled_stays_so() -> None:
    async with asked() as (fake, new_api):
        fake.channels[STABLE]["status"] = 2
        await new_api.set_weights(Weights(95, 5))
        assert fake.weights == ((95, 2), (5, 1))


async def test_what_stands_already_is_not_written_again() -> None:
    async with asked() as (fake, new_api):
        await new_api.set_weights(Weights(50, 50))
        assert fake.calls == [f"GET /api/channel/{CANARY}", f"GET /api/channel/{STABLE}"]


@pytest.mark.parametrize(
    ("behaviour", "fields", "fault"),
    [
        ({}, {"token": "an0ther-t0ken"}, f"canary channel 4: HTTP 401: not logged in with {MASK}"),
        ({}, {"canary": 9}, "canary channel 9: GET /api/channel/9 gave HTTP 404"),
        ({"keeps": False}, {}, "canary channel 4: weight 50 and status 1 stand there, and not 20 and 1"),
        ({"garbage": b"<html>"}, {}, "canary channel 4: HTTP 200, and no answer of new-api's"),
        ({"garbage": b'{"success":true,"data":[]}'}, {}, "canary channel 4: the answer has no channel in it"),
        ({"garbage": b'{"success":false}'}, {}, "canary channel 4: HTTP 200: refused"),
    ],
)
async def test_a_fault_says_which_channel_and_what_new_api_said(
    behaviour: dict[str, Any], fields: dict[str, Any], fault: str
) -> None:
    async with asked(**behaviour) as (fake, known):
        new_api = new_api_of(fake, known._client, **fields)
        with pytest.raises(GatewayFault) as raised:
            await new_api.set_weights(Weights(80, 20))
        assert str(raised.value) == fault


async def test_nobody_at_the_address_is_a_fault() -> None:
    client = new_api_client()
    new_api = new_api_of(FakeNewApi(port=1), client)
    with pytest.raises(GatewayFault, match="canary channel 4: no answer"):
        await new_api.set_weights(Weights(80, 20))
    client.close()


async def test_a_gateway_that_takes_requests_and_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mix2api.process.new_api.PATIENCE_S", 0.05)
    async with asked(silent=True) as (_, new_api):
        with trio.fail_after(PATIENCE_S), pytest.raises(GatewayFault, match="took longer than"):
            await new_api.set_weights(Weights(80, 20))
