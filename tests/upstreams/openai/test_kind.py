"""The kind's line in the table: from settings to a server that is asked."""

import pytest
from upstreams.loopback import LAST_CHUNK, SSE_HEAD, Connection, chunked, serving

from mix2api.errors import ConfigurationError
from mix2api.settings import Settings, load_settings
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.openai.kind import OPENAI
from mix2api.upstreams.openai.openai import OpenAiUpstream
from mix2api.upstreams.port import UpstreamCall
from mix2api.upstreams.surroundings import Surroundings
from mix2api.vocabulary import RequestId, RunId
from mix2api.wire.turn import Message, Turn

HI = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n'


def test_it_needs_a_base_url() -> None:
    with pytest.raises(ConfigurationError, match="UPSTREAM_API_BASE"):
        OPENAI.upstream(Settings(), HttpClient(HttpOptions()), Surroundings())


def test_it_keeps_nothing_and_has_native_calls() -> None:
    assert OPENAI.passes_through
    assert OPENAI.form(Settings()) == []
    assert not OPENAI.tools_in_text(Settings())


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("", b"/v1/chat/completions"),
        ("/v1", b"/v1/chat/completions"),
        ("/api/v3/", b"/api/v3/chat/completions"),
    ],
)
async def test_the_path_is_below_the_base_url_which_may_lack_v1(path: str, asked: bytes) -> None:
    requests: list[bytes] = []

    async def serve(connection: Connection) -> None:
        requests.append(await connection.request())
        await connection.send(SSE_HEAD + chunked(HI) + LAST_CHUNK)
        await connection.wait_hung_up()

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions())
        environ = {"UPSTREAM_API_BASE": server.url + path, "UPSTREAM_BEARER_TOKEN": "key"}
        upstream = OPENAI.upstream(load_settings(environ, None), client, Surroundings())
        assert isinstance(upstream, OpenAiUpstream)
        messages = [Message(role="user", content="a")]
        call = UpstreamCall(
            run_id=RunId("r"),
            request_id=RequestId("q"),
            turn=Turn(model="m", messages=messages),
            messages=messages,
        )
        async with upstream.open(call) as stream:
            async for _ in stream:
                pass
        client.close()
    assert requests[0].startswith(b"POST " + asked + b" HTTP/1.1\r\n")
    assert b"\r\nauthorization: Bearer key\r\n" in requests[0]
