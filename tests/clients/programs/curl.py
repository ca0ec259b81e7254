"""curl: reads asks as JSON lines, runs curl for each, writes what came as JSON lines.

curl raises nothing. Here a failure is `http_error` (a status from 400 on), `error_frame` (in a stream), or
`exit_<code>` where curl itself gave up. What the SDKs swallow silently is checked here: the form of every frame.
"""

import subprocess
import tempfile
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import IO, Any

import msgspec
from asks import Ask, Kind, Raised, Seen, SeenCall
from lines import answer_asks, answered
from sse import Stream, raised, usage_of

_HTTP_ERROR = 22
"""curl's exit code for a refused request (`--fail`)."""


def see(ask: Ask) -> Seen:
    """Does what is asked."""
    if ask.kind is not Kind.CHAT:
        return _models(ask)
    messages: list[dict[str, Any]] = [{"role": "user", "content": ask.prompt}]
    seen = _chat(ask, messages)
    if ask.tool_result is None:
        return seen
    further = _chat(ask, messages + answered(seen.tool_calls, ask.tool_result))
    return msgspec.structs.replace(further, tool_calls=seen.tool_calls)


def _models(ask: Ask) -> Seen:
    # As the SDKs do: the id is one segment of the path.
    path = "models" if ask.kind is Kind.MODELS else "models/" + ask.model.replace("/", "%2F")
    answer = _Answer(ask, path)
    body = answer.whole()
    if answer.raised is not None:
        return Seen(raised=answer.raised, request_id=answer.request_id)
    listed = body["data"] if ask.kind is Kind.MODELS else [body]
    return Seen(models=[model["id"] for model in listed], request_id=answer.request_id)


def _chat(ask: Ask, messages: list[dict[str, Any]]) -> Seen:
    request: dict[str, Any] = {"model": ask.model, "messages": messages, **ask.fields}
    if ask.tool is not None:
        request["tools"] = [{"type": "function", "function": msgspec.to_builtins(ask.tool)}]
    if ask.stream:
        request["stream"] = True
    if ask.include_usage:
        request["stream_options"] = {"include_usage": True}
    answer = _Answer(ask, "chat/completions", msgspec.json.encode(request))
    return answer.streamed() if ask.stream else _whole(answer)


def _whole(answer: "_Answer") -> Seen:
    body = answer.whole()
    if answer.raised is not None:
        return Seen(raised=answer.raised, request_id=answer.request_id)
    choice = body["choices"][0]
    return Seen(
        text=choice["message"]["content"] or "",
        reasoning=choice["message"].get("reasoning_content", ""),
        finish_reason=choice["finish_reason"],
        usage=None if body["usage"] is None else usage_of(body["usage"]),
        tool_calls=[
            SeenCall(call["id"], call["function"]["name"], call["function"]["arguments"])
            for call in choice["message"].get("tool_calls", ())
        ],
        request_id=answer.request_id,
    )


class _Answer:
    """One run of curl."""

    def __init__(self, ask: Ask, path: str, body: bytes | None = None) -> None:
        self._ask = ask
        self._path = path
        self._body = body
        self._headers: dict[str, str] = {}
        self._status = 0
        self.raised: Raised | None = None

    @property
    def request_id(self) -> str | None:
        return self._headers.get("x-request-id")

    def whole(self) -> dict[str, Any]:
        """The body, decoded; `{}` where `raised` tells why there is none."""
        with tempfile.NamedTemporaryFile() as head:
            done = subprocess.run(
                self._command(head.name), input=self._body, stdout=subprocess.PIPE, check=False
            )
            self._read_head(Path(head.name))
        self._read_failure(done.returncode, done.stdout)
        decoded: dict[str, Any] = {} if self.raised is not None else msgspec.json.decode(done.stdout)
        return decoded

    def streamed(self) -> Seen:
        """The stream, put together."""
        stream = Stream(include_usage=self._ask.include_usage)
        with tempfile.NamedTemporaryFile() as head, self._started(head.name) as curl:
            stayed, refusal = self._listen(curl, stream)
            self._read_head(Path(head.name))
        self._read_failure(curl.returncode if stayed else 0, refusal)
        if self.raised is not None:
            return Seen(raised=self.raised, request_id=self.request_id)
        if stayed:
            stream.close()
        if not self._headers.get("content-type", "").startswith("text/event-stream"):
            stream.complaints.append("the answer is not of type text/event-stream")
        return Seen(request_id=self.request_id, complaints=stream.complaints, **stream.seen)

    def _started(self, head: str) -> "subprocess.Popen[bytes]":
        curl = subprocess.Popen(self._command(head), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        _written(curl.stdin, self._body or b"")
        return curl

    def _listen(self, curl: "subprocess.Popen[bytes]", stream: Stream) -> tuple[bool, bytes]:
        """Whether it listened to the end, and a body that is no stream."""
        other = b""
        for line in curl.stdout or ():
            if line.startswith(b"{"):
                other += line
                continue
            # Only LF ends a line here: U+2028 within a payload does not.
            stream.take(line.decode().removesuffix("\n").removesuffix("\r"))
            if stream.deltas == self._ask.abort_after:
                curl.terminate()
                return False, other
        curl.wait()
        return True, other

    def _command(self, head: str) -> list[str]:
        ask = self._ask
        command = ["curl", "--disable", "--silent", "--no-buffer", "--dump-header", head]
        command += [
            "--header",
            f"authorization: Bearer {ask.key}",
            "--header",
            f"x-request-id: {ask.request_id}",
        ]
        # A refusal's body that is followed by a repeat would stand before the answer.
        command += ["--retry", str(ask.max_retries), "--fail"] if ask.max_retries else ["--fail-with-body"]
        if ask.timeout_ms is not None:
            command += ["--max-time", str(ask.timeout_ms / 1000)]
        if self._body is not None:
            command += ["--header", "content-type: application/json", "--data-binary", "@-"]
        return [*command, f"{ask.base_url}/{self._path}"]

    def _read_head(self, path: Path) -> None:
        """The last one: there is one for each try."""
        heads = path.read_bytes().strip().split(b"\r\n\r\n")
        status_line, _, fields = heads[-1].partition(b"\r\n")
        self._status = int(status_line.split()[1]) if status_line else 0
        self._headers = {
            name.lower(): value for name, value in BytesHeaderParser().parsebytes(fields).items()
        }

    def _read_failure(self, code: int, body: bytes) -> None:
        if code == _HTTP_ERROR:
            retry_after = self._headers.get("retry-after")
            self.raised = raised("http_error", self._status, msgspec.json.decode(body), retry_after)
        elif code:
            self.raised = Raised(name=f"exit_{code}")


def _written(pipe: IO[bytes] | None, data: bytes) -> None:
    if pipe is not None:
        pipe.write(data)
        pipe.close()


answer_asks(see)
