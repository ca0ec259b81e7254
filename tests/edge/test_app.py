"""Routes, errors and ids: what holds for every request, whatever it asks for."""

from typing import Any

import msgspec
import pytest
from edge.harness import ACCEPTED, ASK, HELLO, TOKEN, running_edge

from mix2api.edge.scripted_dispatch import ScriptedDispatch
from mix2api.errors import StoreUnavailable
from mix2api.replies import ReplyBuffer, ReplyReader
from mix2api.sessions.worker_port import Reply, Submission, TextDelta
from mix2api.vocabulary import EndReason, Receipt


class BrokenDispatch(ScriptedDispatch):
    """A worker with a fault of ours; the exception quotes what must not leave."""

    async def submit(self, submission: Submission) -> ReplyReader:
        raise KeyError(f"secret of {submission.turn.model}")


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "allow"),
    [
        ("GET", "/v2/chat", 404, "not_found", None),
        ("POST", "/chat", 404, "not_found", None),
        ("GET", "/static/x", 404, "not_found", None),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed", "POST"),
        ("OPTIONS", "/v1/chat/completions", 405, "method_not_allowed", "POST"),
        ("PUT", "/", 405, "method_not_allowed", "POST"),
        ("POST", "/v1/models", 405, "method_not_allowed", "GET, HEAD"),
        ("BREW", "/health", 405, "method_not_allowed", "GET, HEAD"),
        ("GET", "/v1/models/none/such", 404, "model_not_found", None),
    ],
)
async def test_unknown_routes_and_methods_get_the_envelope(
    method: str, path: str, status: int, code: str, allow: str | None
) -> None:
    async with running_edge() as edge:
        answer = await edge.send(method, path)
        (refused,) = edge.watcher.refused
    assert (answer.status, answer.error()["code"]) == (status, code)
    assert answer.error()["type"] == "invalid_request_error"
    assert answer.headers.get("allow") == allow
    assert answer.headers["x-request-id"] == refused.request_id
    assert refused.http_status == status


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
async def test_a_request_to_upgrade_is_answered_as_if_it_did_not_ask_for_it(protocol: str) -> None:
    upgrade = {"connection": "upgrade", "upgrade": protocol, "sec-websocket-version": "13"}
    upgrade |= {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "content-length": ""}
    async with running_edge() as edge:
        answer = await edge.send("GET", "/nowhere", headers=upgrade)
    assert (answer.status, answer.error()["code"]) == (404, "not_found")
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/health", "/v1/models", "/nowhere", "/v1/chat/completions"])
async def test_an_acceptable_request_id_is_kept_in_every_answer(path: str) -> None:
    async with running_edge() as edge:
        kept = await edge.send("GET", path, headers={"x-request-id": "A-z_0.9:x"})
        made = await edge.send("GET", path, headers={"x-request-id": "no spaces"})
    assert kept.headers["x-request-id"] == "A-z_0.9:x"
    assert made.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    ("headers", "body", "status", "code", "param"),
    [
        ({}, b"", 400, "invalid_json", None),
        ({}, b"{", 400, "invalid_json", None),
        ({}, b"\xff\xfe", 400, "invalid_json", None),
        ({}, b'{"x":' + b"[" * 100_000, 400, "invalid_value", None),
        ({}, b"{}", 400, "missing_required_parameter", "model"),
        ({"authorization": "Bearer wrong"}, b"{}", 401, "invalid_api_key", None),
        ({"authorization": ""}, b"{}", 401, "missing_api_key", None),
        ({"content-type": "text/html"}, b"{}", 415, "unsupported_media_type", None),
        ({"content-encoding": "lzma"}, b"{}", 415, "unsupported_media_type", None),
        ({"content-encoding": "gzip"}, b"{}", 400, "invalid_encoding", "content-encoding"),
        ({"content-type": ""}, b"{}", 400, "missing_required_parameter", "model"),
    ],
)
async def test_what_is_refused_never_reaches_the_worker(
    headers: dict[str, str], body: bytes, status: int, code: str, param: str | None
) -> None:
    async with running_edge() as edge:
        answer = await edge.send("POST", "/v1/chat/completions", body, headers)
        (refused,) = edge.watcher.refused
        assert edge.dispatch.waiting == 0
    assert (answer.status, answer.error()["code"], answer.error()["param"]) == (status, code, param)
    assert ("www-authenticate" in answer.headers) is (status == 401)
    assert (refused.http_status, refused.reject_reason, refused.param) == (status, code, param)
    assert refused.end_reason is (EndReason.AUTH_ERROR if status == 401 else EndReason.INVALID_REQUEST)
    assert refused.run_id is None


async def test_a_refusal_is_reported_without_anything_of_the_request() -> None:
    body = msgspec.json.encode({"model": "secret-model", "messages": "secret-text"})
    async with running_edge() as edge:
        await edge.send("POST", "/secret-path", body, {"user-agent": "secret-agent"})
        await edge.send("SECRET", "/v1/chat/completions", body)
        await edge.send("POST", "/v1/chat/completions", body)
        refused = edge.watcher.refused
    assert [report.route for report in refused] == ["none", "none", "/v1/chat/completions"]
    assert [report.method for report in refused] == ["POST", "other", "POST"]
    assert "secret" not in repr(refused).lower()
    assert refused[2].body_bytes == len(body)


async def test_a_fault_of_ours_is_a_500_without_its_text() -> None:
    async with running_edge(BrokenDispatch()) as edge:
        answer = await edge.chat()
        (fault,) = edge.watcher.faults
        (refused,) = edge.watcher.refused
    assert (answer.status, answer.error()["code"]) == (500, "adapter_error")
    assert answer.error()["message"] == "The adapter failed."
    assert (fault.exception, fault.request_id) == ("KeyError", answer.headers["x-request-id"])
    assert "mix2api/edge/chat.py" in fault.place
    assert "secret" not in repr(fault)
    assert refused.end_reason is EndReason.ADAPTER_ERROR


async def test_a_fault_of_ours_on_a_route_of_quart_is_answered_and_told_likewise() -> None:
    async with running_edge() as edge:
        del edge.watcher.health  # what `/health` asks for

        answer = await edge.send("GET", "/health")
        (fault,) = edge.watcher.faults
        (refused,) = edge.watcher.refused
    assert (answer.status, answer.error()["code"]) == (500, "adapter_error")
    assert (fault.exception, fault.request_id) == ("AttributeError", answer.headers["x-request-id"])
    assert (refused.route, refused.end_reason) == ("/health", EndReason.ADAPTER_ERROR)


async def test_the_place_of_a_fault_is_shown_only_if_that_is_wished() -> None:
    async with running_edge(BrokenDispatch(), expose_stack=True) as edge:
        message = (await edge.chat()).error()["message"]
    assert "KeyError at mix2api/edge/" in message
    assert "secret" not in message


async def test_a_fault_in_the_server_itself_is_reported_by_class_and_place() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED])) as edge:

        async def broken(*_: Any) -> None:
            raise ValueError("secret")

        edge.app.answer = broken  # type: ignore[method-assign]
        answer = await edge.chat()
        (fault,) = edge.watcher.faults
    assert answer.status == 500
    assert fault.exception in {"ValueError", "ExceptionGroup"}
    assert "secret" not in repr(fault)


class BrokenReader(ReplyReader):
    """Breaks where the worker is told what became of the ending."""

    fault: Exception

    def settle(self, receipt: Receipt, told: EndReason | None = None, times: object = None) -> None:
        del receipt, told, times
        raise self.fault


class BrokenReceipts(ScriptedDispatch):
    """A worker that cannot be told."""

    def __init__(self, fault: Exception) -> None:
        super().__init__()
        self.fault = fault

    async def submit(self, submission: Submission) -> ReplyReader:
        del submission
        buffer = ReplyBuffer()
        buffer.put([*HELLO])
        reader = BrokenReader(buffer, lambda _: None, lambda *_: None)
        reader.fault = self.fault
        return reader


@pytest.mark.parametrize("fault", [LookupError(), StoreUnavailable()])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_fault_behind_an_answer_adds_nothing_to_it_and_closes_the_connection(
    fault: Exception, *, stream: bool
) -> None:
    async with running_edge(BrokenReceipts(fault)) as edge, edge.connect() as client:
        await client.ask_chat(stream=stream)
        answer = await client.answer()
        assert answer.status == 200
        assert await client.stream.receive_some() == b""
        assert [told.exception for told in edge.watcher.faults] == [type(fault).__name__]


class BrokenBuffer(ReplyBuffer):
    """Breaks at its second take."""

    takes = 0

    async def take(self) -> list[Reply]:
        self.takes += 1
        if self.takes > 1:
            raise LookupError
        return await super().take()


class BrokenReplies(ScriptedDispatch):
    """A worker whose replies cannot be taken."""

    async def submit(self, submission: Submission) -> ReplyReader:
        del submission
        buffer = BrokenBuffer()
        buffer.put([ACCEPTED, TextDelta("a")])
        return ReplyReader(buffer, lambda _: None, lambda *_: None)


async def test_a_stream_whose_replies_cannot_be_taken_has_its_failing_ending() -> None:
    async with running_edge(BrokenReplies()) as edge:
        answer = await edge.chat(stream=True)
        assert [fault.exception for fault in edge.watcher.faults] == ["LookupError"]
    assert answer.frames()[-1] == "[DONE]"
    assert answer.chunks()[-1]["error"]["end_reason"] == "adapter_error"


async def test_every_answer_is_for_the_key_that_asked() -> None:
    async with running_edge() as edge:
        await edge.chat()
        await edge.chat({"authorization": "", "x-api-key": TOKEN})
        await edge.chat({"x-session-key": "mine"})
        isolations = [(await edge.dispatch.next_run()).submission.isolation for _ in range(3)]
    assert isolations[0] == isolations[1]
    assert isolations[0] != isolations[2]


async def test_an_empty_session_key_names_nothing() -> None:
    async with running_edge() as edge:
        await edge.chat({"x-session-key": ""})
        await edge.chat()
        empty, without = [(await edge.dispatch.next_run()).submission for _ in range(2)]
    assert (empty.reason, empty.bind, empty.isolation) == ("no_history", None, without.isolation)


@pytest.mark.parametrize("size", [2_000, 10_000_000])
@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_answered_with_413_that_the_client_can_read(
    *, size: int, declared: bool
) -> None:
    async with running_edge(body_limit=1_000) as edge, edge.connect() as client:
        body = msgspec.json.encode(ASK | {"padding": "x" * size})
        if declared:
            await client.ask("POST", "/v1/chat/completions", body)
        else:
            await client.ask(
                "POST", "/v1/chat/completions", body, {"content-length": "", "transfer-encoding": "chunked"}
            )
        answer = await client.answer()
        assert (answer.status, answer.error()["code"]) == (413, "request_too_large")
        assert "1000 bytes" in answer.error()["message"]
        assert edge.dispatch.waiting == 0


async def test_a_body_of_exactly_the_limit_is_accepted() -> None:
    limit = len(msgspec.json.encode(ASK))
    async with running_edge(body_limit=limit) as edge:
        assert (await edge.chat()).status == 200


async def test_a_body_that_never_comes_is_given_up() -> None:
    async with running_edge(body_timeout_s=0.01, drain_s=0.01) as edge, edge.connect() as client:
        head = (
            f"POST / HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n"
            "content-type: application/json\r\ncontent-length: 5\r\n\r\n"
        )
        await client.stream.send_all(head.encode())
        answer = await client.stream.receive_some()
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("prefix", ["/v1", "", "/v1/v1", "/", "//v1", "/v1/", "/v1//v1"])
async def test_a_base_url_with_v1_without_it_or_with_two_is_served(prefix: str) -> None:
    async with running_edge() as edge:
        chat = await edge.send("POST", f"{prefix}/chat/completions", msgspec.json.encode(ASK))
        models = await edge.send("GET", f"{prefix}/models")
        one = await edge.send("GET", f"{prefix}/models/mix/one")
    assert [answer.status for answer in (chat, models, one)] == [200, 200, 200]
    assert one.json()["id"] == "mix/one"
