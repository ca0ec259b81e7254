"""A worker that is lost may have taken a head for sent which never left: its ending says 200, and the client must not."""

import pytest
from edge.harness import ACCEPTED, FAILED, running_edge
from msgspec.structs import replace

from mix2api.edge.scripted_dispatch import ScriptedDispatch
from mix2api.vocabulary import Detail, EndReason

LOST = replace(
    FAILED,
    end_reason=EndReason.WORKER_LOST,
    detail=Detail.MID_STREAM.value,
    http_status=200,
    error_code="worker_lost",
)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_failure_of_a_client_without_a_head_is_an_http_error(*, stream: bool) -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, LOST])) as edge:
        answer = await edge.chat(stream=stream)
    assert (answer.status, answer.error()["code"]) == (503, "worker_lost")
