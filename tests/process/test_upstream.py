"""The configured upstream: its credential goes where its own settings let it go, whatever an edge has let pass."""

import pytest

from mix2api.process.upstream import configured_upstream
from mix2api.sealing import Seal
from mix2api.settings import load_settings
from mix2api.store.memory_vault import MemoryVault
from mix2api.upstreams.base_url import BaseNotAllowed
from mix2api.upstreams.port import UpstreamCall
from mix2api.upstreams.surroundings import Surroundings
from mix2api.vocabulary import RequestId, RunId
from mix2api.wire.turn import ChosenBase, Turn

ELSEWHERE = ChosenBase(url="https://other.example", host="other.example", addresses=("8.8.8.8",))
OWN = {"UPSTREAM_API_BASE": "https://site.example", "UPSTREAM_BEARER_TOKEN": "planted"}
ENABLED = {"UPSTREAM_DYNAMIC_BASE_ENABLED": "true"}


@pytest.mark.parametrize(
    "settings",
    [
        OWN,
        OWN | ENABLED,
        OWN | ENABLED | {"UPSTREAM_BASE_ALLOWLIST": "site.example"},
        OWN | ENABLED | {"UPSTREAM_AUTH_MODE": "managed", "UPSTREAM_BASE_ALLOWLIST": "*"},
    ],
)
def test_a_chosen_host_that_is_not_allowed_gets_nothing(settings: dict[str, str]) -> None:
    turn = Turn(model="m", messages=[], base=ELSEWHERE)
    call = UpstreamCall(run_id=RunId("r"), request_id=RequestId("q"), turn=turn, messages=[])
    parts = (load_settings(settings, None), MemoryVault(), Seal(b"secret"), Surroundings())
    with configured_upstream(*parts, lambda _: None) as configured, pytest.raises(BaseNotAllowed):
        configured.upstream.open(call)
