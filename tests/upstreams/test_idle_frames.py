"""Frames that say nothing."""

import pytest

from mix2api.upstreams.idle_frames import is_idle, says_nothing


@pytest.mark.parametrize(
    "frame",
    [
        b"null",
        b" null ",
        b"{}",
        b"[]",
        b'""',
        b"",
        b"ping",
        b"PING",
        b'"ping"',
        b"[PING]",
        b"heartbeat",
        b"keep-alive",
    ],
)
def test_empty_values_and_beats_say_nothing(frame: bytes) -> None:
    assert says_nothing(frame)


@pytest.mark.parametrize("frame", [b"5", b"hello", b'{"a":1}', b"[1]", b"null" + b" " * 300])
def test_anything_else_says_something(frame: bytes) -> None:
    assert not says_nothing(frame)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"code":0}',
        b'{"code":"0","msg":"ok","data":{}}',
        b'{"status":"success","request_id":"r"}',
        b'{"success":true}',
        b'{"event":"ping"}',
        b'{"event":"heartbeat","data":null,"time":1}',
        b'{"ping":1700000000}',
        b'{"heartbeat":true}',
        b'{"message":"keep-alive"}',
        b'{"type":null}',
        b'{"error":null}',
        b'{"timestamp":1}',
    ],
)
def test_a_report_of_success_and_a_beat_are_idle(frame: bytes) -> None:
    assert is_idle(frame)


@pytest.mark.parametrize(
    "frame",
    [
        b"{",
        b"[]",
        b'{"msg":"ok"}',
        b'{"event":"ping","text":"hi"}',
        b'{"event":"message"}',
        b'{"ping":"hello"}',
        b'{"code":0,"error":"no"}',
        b'{"success":false}',
        b'{"code":5}',
        b'{"code":0,"data":{"text":"hi"}}',
        b'{"code":0,"text":"hi"}',
        b'{"code":0,"msg":"' + b"x" * 300 + b'"}',
    ],
)
def test_content_and_failure_are_not_idle(frame: bytes) -> None:
    assert not is_idle(frame)
