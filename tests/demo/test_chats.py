"""The chat endpoint on the wire: streams and whole answers, contexts, refusals, clients that leave."""

import socket
import struct
from typing import Any

import msgspec
import pytest
import trio

from mix2api.demo import Demo, TokenCount, numbered_text


async def test_a_site_set_to_chunks_numbers_them_and_one_frame_is_one_chunk(client: Any) -> None:
    got = await client.ask("hello")
    assert got.text == "".join(numbered_text("hello", 4, 20))
    assert got.headers["content-type"] == "text/event-stream"
    frames = got.body.count(b"\n\n")
    # h11 gives a chunk's data apart from its neighbours': nothing was joined before it was sent.
    assert len(got.pieces) >= frames
    assert got.types == [
        *["start", "start-step", "text-start"],
        *["text-delta"] * 4,
        *["text-end", "finish-step", "data-usage", "finish"],
    ]


@pytest.mark.parametrize(
    ("stream", "accept", "kind"),
    [
        (True, "text/event-stream", "text/event-stream"),
        (True, "*/*", "text/event-stream"),
        (True, "application/json", "application/json"),
        (False, "text/event-stream", "application/json"),
    ],
)
async def test_it_streams_when_asked_to_and_accepted(
    stream: bool,  # noqa: FBT001 - parametrised
    accept: str,
    kind: str,
    client: Any,
    body_of: Any,
) -> None:
    body = body_of([{"role": "user", "content": "x"}], stream=stream)
    assert (await client.chat(body, accept=accept)).headers["content-type"] == kind


async def test_the_site_keeps_what_it_was_sent_and_what_it_said(demo: Demo, client: Any) -> None:
    first = await client.ask("[[say:one]]")
    session_id = first.frames[0]["messageMetadata"]["sessionId"]
    second = await client.ask("[[say:two]]", session_id=session_id)
    assert second.frames[0]["messageMetadata"]["sessionId"] == session_id
    assert demo.sessions[session_id].messages == [
        {"role": "user", "content": "[[say:one]]"},
        {"role": "assistant", "content": "one"},
        {"role": "user", "content": "[[say:two]]"},
        {"role": "assistant", "content": "two"},
    ]
    assert demo.received[-1].json["session_id"] == session_id
    assert demo.received[-1].headers["accept"] == "text/event-stream"


async def test_the_query_is_kept_where_no_message_came(demo: Demo, client: Any, body_of: Any) -> None:
    await client.chat(body_of([]))
    (session,) = demo.sessions.values()
    assert session.messages[0] == {"role": "user", "content": "the query"}


async def test_a_loop_of_tools_goes_step_by_step_to_an_answer(demo: Demo, client: Any, body_of: Any) -> None:
    got = await client.ask('[[tools:a{"x":1};b]] [[tools_whole:c]]')
    session_id = got.frames[0]["messageMetadata"]["sessionId"]
    called = [each["toolCallId"] for each in got.of("tool-input-available")]
    results = [{"role": "tool", "tool_call_id": id_, "content": f"<{id_}>"} for id_ in called]
    step = await client.chat(body_of(results, session_id=session_id))
    (call,) = step.of("tool-input-available")
    assert call["toolName"] == "c"
    last_result = {"role": "tool", "tool_call_id": call["toolCallId"], "content": "done"}
    last = await client.chat(body_of([last_result], session_id=session_id))
    assert last.text == "The tool c answered: done"
    kept = demo.sessions[session_id].messages
    assert [message["role"] for message in kept] == [
        *["user", "assistant", "tool", "tool"],
        *["assistant", "tool", "assistant"],
    ]
    assert kept[1]["tool_calls"][0]["function"] == {"name": "a", "arguments": '{"x":1}'}


async def test_a_whole_history_on_a_fresh_session_is_at_the_same_step(client: Any, body_of: Any) -> None:
    call = {"id": "x1", "type": "function", "function": {"name": "a", "arguments": "{}"}}
    history = [
        {"role": "user", "content": "[[tools:a]]"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "x1", "content": "42"},
    ]
    assert (await client.chat(body_of(history))).text == "The tool a answered: 42"


async def test_an_unknown_session_is_told_so(client: Any) -> None:
    got = await client.ask("x", session_id="never")
    assert (got.status, got.json["error"]["code"]) == (404, "session_not_found")


@pytest.mark.parametrize("text", ["[[forget]] x", "[[say:bye]] [[forget:after]]"])
async def test_a_session_is_forgotten_now_or_after_the_answer(text: str, demo: Demo, client: Any) -> None:
    await client.ask("x")
    (session_id,) = demo.sessions
    first = await client.ask(text, session_id=session_id)
    assert first.status == (200 if "after" in text else 404)
    assert session_id not in demo.sessions
    assert (await client.ask("y", session_id=session_id)).status == 404


async def test_a_swapped_session_answers_under_another_id_with_only_what_it_was_sent(
    demo: Demo, client: Any
) -> None:
    await client.ask("[[say:one]] [[swap:after]]")
    (session_id,) = demo.sessions
    for text in ("[[say:two]]", "[[say:three]] [[swap]]"):
        other = (await client.ask(text, session_id=session_id)).frames[0]["messageMetadata"]["sessionId"]
        assert other != session_id
        assert [message["content"] for message in demo.sessions[other].messages][:1] == [text]
    assert len(demo.sessions[session_id].messages) == 2


async def test_directives_of_a_key_are_obeyed_once(client: Any) -> None:
    assert (await client.ask("[[once:a]] [[status:503]]")).status == 503
    again = await client.ask("[[once:a]] [[status:503]]")
    assert again.done


async def test_every_so_many_chats_one_has_the_site_s_fault(start_demo: Any, connect: Any) -> None:
    failing = await start_demo(fault_every=3, fault="[[status:503]]")
    client = await connect(failing)
    assert [(await client.ask("hello")).status for _ in range(6)] == [200, 200, 503] * 2


async def test_a_fault_may_be_for_the_chats_of_one_kind_of_client_alone(
    start_demo: Any, connect: Any, body_of: Any
) -> None:
    client = await connect(
        await start_demo(fault_every=2, fault="[[status:503]]", fault_where="You are an agent.")
    )
    agent = body_of(
        [{"role": "system", "content": "You are an agent."}, {"role": "user", "content": "hello"}]
    )
    others = [(await client.ask("hello")).status for _ in range(4)]
    assert (others, [(await client.chat(agent)).status for _ in range(4)]) == ([200] * 4, [200, 503] * 2)


@pytest.mark.parametrize("status", [401, 403, 503])
async def test_a_refused_turn_leaves_no_trace(status: int, demo: Demo, client: Any) -> None:
    assert (await client.ask(f"[[status:{status}]]")).status == status
    assert demo.sessions == {}


async def test_a_failed_turn_is_in_the_context_as_far_as_it_was_said(
    demo: Demo, client: Any, connect: Any
) -> None:
    await (await connect(demo)).ask("[[say:1234]] [[size:1]] [[cut_mid_frame]]")
    await client.ask("[[status:500]]")
    cut, failed = demo.sessions.values()
    assert [message["content"] for message in cut.messages][1:] == ["12"]
    assert len(failed.messages) == 1


async def test_over_the_context_window_the_turn_is_an_error(start_demo: Any, connect: Any) -> None:
    small = await start_demo(context_window=10, chunks=1, size=1)
    client = await connect(small)
    got = await client.ask("x" * 41)
    assert got.types == ["error"]
    assert got.frames[0]["errorText"].startswith("context_length_exceeded")
    assert got.done
    whole = await client.ask("x" * 41, stream=False)
    assert whole.json["error"]["code"] == "context_length_exceeded"
    assert small.sessions == {}
    assert (await client.ask("x" * 25)).done
    (session_id,) = small.sessions
    assert (await client.ask("y", session_id=session_id)).types == ["error"]
    assert small.stats.overflows == 3


async def test_a_site_with_a_tokenizer_counts_its_window_by_it(start_demo: Any, connect: Any) -> None:
    words = TokenCount(lambda text: len(text.split()))
    small = await start_demo(context_window=3 + 4 + 3, count=words, chunks=1, size=1)
    client = await connect(small)
    assert (await client.ask("one two three")).done
    assert (await client.ask("one two three four")).types == ["error"]
    (session_id,) = small.sessions
    assert (await client.ask("more", session_id=session_id)).types == ["error"]


async def test_a_site_that_needs_a_token_takes_only_a_living_one(start_demo: Any, connect: Any) -> None:
    strict = await start_demo(require_token=True)
    client = await connect(strict)
    assert (await client.ask("x")).status == 401
    granted = (await client.call("POST", "/v2/token", b"{}")).json
    assert granted["expires_in"] == 3600
    bearer = f"Bearer {granted['access_token']}"
    body = {"request": {"agent_slug": "a", "model_slug": "m", "query": "x"}}
    assert (await client.chat(body, authorization=bearer)).status == 200
    await client.call("POST", "/demo/expire")
    refused = await client.chat(body, authorization=bearer)
    assert (refused.status, refused.json["error"]["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b'{"request": 5}'])
async def test_a_bad_body_is_refused_in_json(body: bytes, demo: Demo, client: Any) -> None:
    got = await client.call("POST", "/v2/chats", body)
    assert (got.status, got.json["error"]["code"]) == (400, "invalid_request")
    assert demo.stats.requests == 0


@pytest.mark.parametrize(
    ("text", "stream", "seen"),
    [
        ("[[hang]]", True, None),
        ("[[slow_head:600000]]", True, None),
        ("[[silent]]", True, b'"start"'),
        ("[[silent]]", False, b"HTTP/1.1 200"),
        ("[[silence:600000]]", True, b"-00002 "),
    ],
)
@pytest.mark.parametrize("reset", [False, True])
async def test_a_client_that_leaves_is_noticed_while_nothing_is_sent(
    text: str,
    stream: bool,  # noqa: FBT001 - parametrised
    seen: bytes | None,
    reset: bool,  # noqa: FBT001 - parametrised
    demo: Demo,
    client: Any,
    body_of: Any,
) -> None:
    body = body_of([{"role": "user", "content": text}], stream=stream)
    with trio.fail_after(10):
        await client.send("POST", "/v2/chats", msgspec.json.encode(body))
        await demo.stats.wait_until(lambda stats: stats.open_streams == 1)
        got = b""
        while seen is not None and seen not in got:
            got += await client.stream.receive_some(1000)
        if reset:
            client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await client.stream.aclose()
        await demo.stats.wait_until(lambda stats: stats.open_streams == 0)
    assert demo.stats.cut_by_client == 1


async def test_a_client_that_leaves_in_the_middle_is_noticed_while_sending(
    demo: Demo, client: Any, body_of: Any
) -> None:
    body = body_of([{"role": "user", "content": "[[chunks:1000000]]"}])
    with trio.fail_after(10):
        await client.send("POST", "/v2/chats", msgspec.json.encode(body))
        await client.stream.receive_some(1000)
        await client.stream.aclose()
        await demo.stats.wait_until(lambda stats: stats.cut_by_client == 1)
    (session,) = demo.sessions.values()
    assert 1 <= len(session.messages) <= 2


async def test_a_client_that_stays_is_not_counted_as_gone(demo: Demo, client: Any) -> None:
    for _ in range(20):
        await client.ask("x")
    await client.stream.aclose()
    await demo.stats.wait_until(lambda stats: stats.open_streams == 0)
    assert demo.stats.counts() == {
        "connections": 1,
        "requests": 20,
        "open_streams": 0,
        "cut_by_client": 0,
        "overflows": 0,
        "logins": 0,
    }


async def test_three_hundred_streams_at_once_get_their_answers(demo: Demo, connect: Any) -> None:
    answers: list[tuple[str, str]] = []

    async def one(number: int) -> None:
        text = f"stream {number} [[pace:1]]"
        client = await connect(demo)
        answers.append((text, (await client.ask(text)).text))

    async with trio.open_nursery() as nursery:
        for number in range(300):
            nursery.start_soon(one, number)
    assert len(answers) == 300
    assert all(said == "".join(numbered_text(text, 4, 20)) for text, said in answers)
