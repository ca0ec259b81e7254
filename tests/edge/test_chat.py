"""Chat requests over real sockets: what the worker is told of a request, and how its answer leaves."""

import msgspec
import trio
import trio.testing
from edge.harness import ACCEPTED, ASK, HELLO, SESSION, STOPPED, TOKEN, Answer, running_edge

from mix2api.edge.scripted_dispatch import ScriptedDispatch
from mix2api.errors import InvalidRequest
from mix2api.sessions.worker_port import TextDelta
from mix2api.settings.choices import InboundAuthMode
from mix2api.vocabulary import Receipt
from mix2api.wire.turn import AskedBase, ChosenBase


async def test_a_stream_has_the_role_first_then_the_deltas_then_finish_and_done() -> None:
    async with running_edge() as edge:
        answer = await edge.chat(stream=True)
        run = await edge.dispatch.next_run()
        assert await run.wait_settled() is Receipt.WRITTEN
        assert run.aborts == []
        assert len(edge.app.live) == 0
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-session-id"] == SESSION
    assert answer.headers["x-mix2api-run-id"] == run.submission.run_id
    deltas = [chunk["choices"][0]["delta"] for chunk in answer.chunks()]
    assert deltas == [{"role": "assistant", "content": ""}, {"content": "Hello"}, {"content": " there"}, {}]
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
    assert answer.headers["x-session-id"] == SESSION
    assert answer.json()["object"] == "chat.completion"
    assert answer.json()["choices"][0]["message"]["content"] == "Hello there"
    assert answer.json()["usage"]["total_tokens"] == 5


async def test_the_root_path_behaves_as_the_chat_path_does() -> None:
    async with running_edge() as edge:
        good = await edge.send("POST", "/", msgspec.json.encode(ASK))
        bad = await edge.send("POST", "/", b"{}")
    assert good.json()["object"] == "chat.completion"
    assert (bad.status, bad.error()["param"]) == (400, "model")


async def test_the_submission_says_all_that_the_worker_needs() -> None:
    async with running_edge(pass_authorization=True) as edge:
        await edge.chat({"x-request-id": "mine", "user-agent": "curl/8", "x-persona-id": "p7"})
        submission = (await edge.dispatch.next_run()).submission
    assert submission.request_id == "mine"
    assert submission.client == "curl"
    assert submission.turn.persona_id == "p7"
    assert submission.edge == "p_test"
    assert submission.body_bytes == len(msgspec.json.encode(ASK))
    assert submission.authorization == f"Bearer {TOKEN}"
    assert submission.session_id is None


class _Bases:
    """Lets one host be chosen."""

    async def chosen(self, asked: AskedBase) -> ChosenBase:
        if "good" not in asked.url:
            raise InvalidRequest("not that one", param=asked.param, code="upstream_base_refused")
        return ChosenBase(url=asked.url, host="good", addresses=("8.8.8.8",))


async def test_a_chosen_upstream_goes_with_the_turn_once_it_is_checked() -> None:
    async with running_edge(bases=_Bases()) as edge:
        await edge.chat({"x-upstream-base-url": "https://good"}, upstream_base_url="https://bad")
        turn = (await edge.dispatch.next_run()).submission.turn
    assert turn.base == ChosenBase(url="https://good", host="good", addresses=("8.8.8.8",))
    assert turn.asked_base is None


async def test_an_upstream_that_may_not_be_chosen_is_400_with_its_place() -> None:
    async with running_edge(bases=_Bases()) as edge:
        answer = await edge.chat(upstream_api_base="https://bad")
        assert (answer.status, answer.error()["param"]) == (400, "upstream_api_base")
        assert edge.dispatch.waiting == 0


async def test_as_it_ships_no_upstream_may_be_chosen() -> None:
    async with running_edge() as edge:
        answer = await edge.chat({"x-upstream-base-url": "https://planted"})
        assert (answer.status, answer.error()["param"]) == (400, "x-upstream-base-url")
        assert answer.error()["code"] == "upstream_base_refused"
        assert "planted" not in answer.body.decode()


async def test_the_callers_credential_stays_here_unless_it_is_to_be_passed_on() -> None:
    async with running_edge() as edge:
        await edge.chat()
        assert (await edge.dispatch.next_run()).submission.authorization is None


async def test_an_answer_without_any_output_has_role_and_finish() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, STOPPED])) as edge:
        answer = await edge.chat(stream=True)
    assert [chunk["choices"][0]["delta"] for chunk in answer.chunks()] == [
        {"role": "assistant", "content": ""},
        {},
    ]


async def test_a_turn_carries_its_caller_which_neither_model_nor_client_changes() -> None:
    asked = [(TOKEN, "mix/one", "codex"), (TOKEN, "mix/two", "curl"), ("sk-other", "mix/one", "codex")]
    async with running_edge(bearer_token="") as edge:
        for token, model, client in asked:
            await edge.chat({"authorization": f"Bearer {token}", "x-client": client}, model=model)
        first, second, other = [(await edge.dispatch.next_run()).submission for _ in asked]
    assert first.caller == second.caller != other.caller
    assert first.isolation != second.isolation


async def test_one_connection_serves_many_requests() -> None:
    async with running_edge() as edge, edge.connect() as client:
        answers: list[Answer] = []
        for stream in (True, False, True):
            await client.ask_chat(stream=stream)
            answers.append(await client.answer())
            client.http.start_next_cycle()
    assert [answer.status for answer in answers] == [200, 200, 200]


async def test_many_streams_at_once_all_get_their_own_ending() -> None:
    async with running_edge(ScriptedDispatch(HELLO)) as edge:
        done: list[str] = []

        async def ask() -> None:
            done.append((await edge.chat(stream=True)).frames()[-1])

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(ask)
    assert done == ["[DONE]"] * 50


async def test_without_authentication_anybody_is_served() -> None:
    async with running_edge(auth_mode=InboundAuthMode.NONE) as edge:
        assert (await edge.chat({"authorization": ""})).status == 200


async def test_what_a_slow_client_does_not_take_at_once_comes_whole_and_in_order() -> None:
    pieces = [f"{number:06}" * 10_000 for number in range(100)]
    async with (
        running_edge(ScriptedDispatch([ACCEPTED, TextDelta("first ")])) as edge,
        edge.connect() as client,
    ):
        await client.ask_chat(stream=True)
        await client.head()
        await client.piece()
        run = await edge.dispatch.next_run()
        for piece in pieces:
            run.say(TextDelta(piece))  # more than the kernel holds: the first ones leave in the writer's step
        await trio.testing.wait_all_tasks_blocked()
        run.say(STOPPED)
        body = b""
        while not body.endswith(b"[DONE]\n\n"):
            body += await client.piece()
        chunks = Answer(200, {}, body).chunks()
        assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "".join(pieces)
        assert await run.wait_settled() is Receipt.WRITTEN
