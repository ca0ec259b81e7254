"""The openai SDK itself, in a thread, against the running edge."""

from functools import partial

import openai
import pytest
import trio
from edge.harness import ACCEPTED, FAILED, HELLO, TOKEN, running_edge

from mix2api.edge.scripted_dispatch import ScriptedDispatch
from mix2api.sessions.worker_port import Reply, TextDelta
from mix2api.vocabulary import Receipt


def sdk(port: int) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=TOKEN, max_retries=0)


def streamed(port: int) -> tuple[str, int]:
    text, tokens = "", 0
    with (
        sdk(port) as client,
        client.chat.completions.create(
            model="mix/one",
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            stream_options={"include_usage": True},
        ) as stream,
    ):
        for chunk in stream:
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
            tokens = chunk.usage.total_tokens if chunk.usage is not None else tokens
    return text, tokens


def whole(port: int) -> str | None:
    with sdk(port) as client:
        answer = client.chat.completions.create(model="mix/one", messages=[{"role": "user", "content": "hi"}])
        return answer.choices[0].message.content


async def test_the_sdk_streams_text_and_usage() -> None:
    async with running_edge() as edge:
        assert await trio.to_thread.run_sync(streamed, edge.port) == ("Hello there", 5)
        assert await (await edge.dispatch.next_run()).wait_settled() is Receipt.WRITTEN


async def test_the_sdk_reads_a_whole_answer() -> None:
    async with running_edge() as edge:
        assert await trio.to_thread.run_sync(whole, edge.port) == "Hello there"


@pytest.mark.parametrize("replies", [(ACCEPTED, FAILED), (ACCEPTED, TextDelta("a"), FAILED)])
async def test_the_sdk_raises_whenever_a_stream_fails(replies: tuple[Reply, ...]) -> None:
    async with running_edge(ScriptedDispatch(replies)) as edge:
        with pytest.raises(openai.APIError, match="broke off"):
            await trio.to_thread.run_sync(streamed, edge.port)


async def test_two_clients_at_once_are_served_at_once() -> None:
    async with running_edge(ScriptedDispatch(HELLO)) as edge, trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(partial(trio.to_thread.run_sync, whole, edge.port))
