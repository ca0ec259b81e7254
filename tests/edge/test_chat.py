from edge.harness import ACCEPTED, FAILED, SESSION, running_edge

from mix2api.edge.scripted_dispatch import ScriptedDispatch
from mix2api.sessions.dispatch import TextDelta
from mix2api.vocabulary import Detail, Receipt


async def test_a_stream_has_the_role_first_then_the_deltas_then_finish_and_done() -> None:
    async with running_edge() as edge:
        answer = await edge.chat(stream=True)
        run = await edge.dispatch.next_run()
        assert await run.wait_settled() is Receipt.WRITTEN
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-session-id"] == SESSION
    assert answer.headers["x-mix2api-run-id"] == run.submission.run_id
    deltas = [chunk["choices"][0]["delta"] for chunk in answer.chunks()]
    assert deltas == [
        {"role": "assistant", "content": ""},
        {"content": "Hello"},
        {"content": " there"},
        {},
    ]
    assert answer.chunks()[-1]["choices"][0]["finish_reason"] == "stop"
    assert answer.frames()[-1] == "[DONE]"
    assert {chunk["model"] for chunk in answer.chunks()} == {"mix/one"}


async def test_without_stream_the_answer_is_one_object() -> None:
    async with running_edge() as edge:
        answer = await edge.chat()
        run = await edge.dispatch.next_run()
        assert await run.wait_settled() is Receipt.WRITTEN
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["object"] == "chat.completion"
    assert answer.json()["choices"][0]["message"]["content"] == "Hello there"
    assert answer.json()["usage"]["total_tokens"] == 5


async def test_a_failure_before_any_output_is_an_http_error() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, FAILED])) as edge:
        for stream in (True, False):
            answer = await edge.chat(stream=stream)
            assert answer.status == 502
            assert answer.error()["code"] == "upstream_error"
            assert await (await edge.dispatch.next_run()).wait_settled() is Receipt.ERROR_WRITTEN
        assert edge.watcher.refused == []


async def test_a_client_that_hangs_up_is_told_to_the_worker() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, TextDelta("a")])) as edge:
        async with edge.connect() as client:
            await client.ask_chat(stream=True)
            await client.head()
            run = await edge.dispatch.next_run()
        assert await run.wait_aborted() is Detail.HUNG_UP
        assert await run.wait_settled() is Receipt.CLIENT_LEFT
