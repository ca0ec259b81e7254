"""Every fault that a site can be made to show, and the ending that it must have: in the log and for the client.

All rows run at once on one system, so that they also show that runs do not touch each other. What needs settings or
deaths of its own stands in the neighbours of this module.
"""

from collections.abc import Mapping

import pytest
import trio
from attrs import field, frozen
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system
from wire_client import Answer

from mix2api.vocabulary import Detail, EndReason, Receipt

IDLE_MS = "1500"
"""The upstream's limits: long enough for a loaded machine, short enough to wait for."""


@frozen(kw_only=True)
class Ending:
    """What is known of a finished request, from the log, the audit and the client's own eyes."""

    end_reason: str
    detail: str | None = None
    end_status: int = 200
    """The `http_status` of the `end` event."""
    upstream_status: int | None = 200
    receipt: str = Receipt.WRITTEN.value
    seen: str
    """`<status> <what>`: a finish reason, `failing ending` with its code, or the envelope's code."""


def succeeded(reason: EndReason, detail: Detail | None = None) -> Ending:
    return Ending(end_reason=reason.value, detail=detail, seen=f"200 {reason.value}")


def refused(
    reason: EndReason, detail: Detail, status: int, code: str, *, upstream_status: int | None = None
) -> Ending:
    """Nothing was sent before: the client gets the status."""
    return Ending(
        end_reason=reason.value,
        detail=detail.value,
        end_status=status,
        upstream_status=upstream_status,
        receipt=Receipt.ERROR_WRITTEN.value,
        seen=f"{status} {code}",
    )


def broken(reason: EndReason, detail: Detail, code: str) -> Ending:
    """Output was sent before: the failing ending."""
    return Ending(
        end_reason=reason.value,
        detail=detail.value,
        receipt=Receipt.ERROR_WRITTEN.value,
        seen=f"200 failing ending {code}",
    )


@frozen
class Row:
    """A prompt for the demo site, and its ending for a client that streams and for one that does not."""

    prompt: str
    stream: Ending
    whole: Ending
    fields: Mapping[str, object] = field(factory=dict)


def site_error(detail: Detail, status: int = 502, *, upstream_status: int | None = 200) -> Ending:
    return refused(
        EndReason.UPSTREAM_ERROR, detail, status, "upstream_error", upstream_status=upstream_status
    )


def timed_out(detail: Detail, *, upstream_status: int | None = None) -> Ending:
    return refused(EndReason.TIMEOUT, detail, 504, "upstream_timeout", upstream_status=upstream_status)


def unauthorised(upstream_status: int) -> Ending:
    return refused(
        EndReason.UPSTREAM_AUTH_ERROR,
        Detail.STATUS,
        502,
        "upstream_auth_error",
        upstream_status=upstream_status,
    )


def site_broke(detail: Detail) -> Ending:
    return broken(EndReason.UPSTREAM_ERROR, detail, "upstream_error")


def alike(ending: Ending) -> tuple[Ending, Ending]:
    """The same for both kinds of client."""
    return ending, ending


_WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}

ROWS: dict[str, Row] = {
    "a whole answer": Row("hello", *alike(succeeded(EndReason.STOP))),
    "an empty answer": Row("[[say:]]", *alike(succeeded(EndReason.STOP))),
    "a finish without a reason": Row("[[no_reason]]", *alike(succeeded(EndReason.STOP))),
    "a finish with a strange reason": Row(
        "[[finish:whatever]]", *alike(succeeded(EndReason.STOP, Detail.UNKNOWN_FINISH))
    ),
    "the site's length limit": Row("[[length]]", *alike(succeeded(EndReason.LENGTH))),
    "the site's filter": Row("[[content_filter]]", *alike(succeeded(EndReason.CONTENT_FILTER))),
    "the whole form told of a length limit": Row(
        "[[length]][[json:whole]]", *alike(succeeded(EndReason.LENGTH))
    ),
    "a tool call": Row(
        '[[tools:weather{"city":"Oslo"}]]',
        *alike(succeeded(EndReason.TOOL_CALLS)),
        {"tools": [_WEATHER]},
    ),
    "a JSON answer to a stream": Row("[[json]]", *alike(succeeded(EndReason.STOP))),
    "frames of unknown types": Row("[[unknown_frames]]", *alike(succeeded(EndReason.STOP))),
    "no ids at all": Row("[[no_ids]]", *alike(succeeded(EndReason.STOP))),
    "an error before the first delta": Row("[[error_before]]", *alike(site_error(Detail.ERROR_FRAME))),
    "an error in the middle": Row(
        "[[error_mid]]", site_broke(Detail.ERROR_FRAME), site_error(Detail.ERROR_FRAME)
    ),
    "an error and no finish": Row(
        "[[error_frame_no_finish]]", site_broke(Detail.ERROR_FRAME), site_error(Detail.ERROR_FRAME)
    ),
    "an error as JSON under 200": Row("[[json_error]]", *alike(site_error(Detail.ERROR_FRAME))),
    "an abort": Row("[[abort]]", site_broke(Detail.ABORTED), site_error(Detail.ABORTED)),
    "a body cut short": Row("[[cut]]", site_broke(Detail.TRUNCATED), site_error(Detail.TRUNCATED)),
    "a connection cut short": Row(
        "[[cut:close]]", site_broke(Detail.TRUNCATED), site_error(Detail.TRUNCATED)
    ),
    "a frame cut in two": Row(
        "[[cut_mid_frame]]", site_broke(Detail.TRUNCATED), site_error(Detail.TRUNCATED)
    ),
    "a reset within a frame": Row(
        "[[cut_mid_frame:reset]]", site_broke(Detail.TRUNCATED), site_error(Detail.TRUNCATED)
    ),
    "a frame that is no JSON": Row("[[bad_json]]", site_broke(Detail.PROTOCOL), site_error(Detail.PROTOCOL)),
    "something that is not HTTP": Row(
        "[[garbage]]", *alike(site_error(Detail.PROTOCOL, upstream_status=None))
    ),
    "a page of HTML": Row("[[html]]", *alike(site_error(Detail.PROTOCOL))),
    "status 400": Row("[[status:400]]", *alike(site_error(Detail.STATUS, 400, upstream_status=400))),
    "status 401": Row("[[status:401]]", *alike(unauthorised(401))),
    "status 403": Row("[[status:403]]", *alike(unauthorised(403))),
    "status 404": Row("[[status:404]]", *alike(site_error(Detail.STATUS, 404, upstream_status=404))),
    "status 429": Row(
        "[[429:7]]",
        *alike(
            refused(EndReason.UPSTREAM_ERROR, Detail.STATUS, 429, "rate_limit_exceeded", upstream_status=429)
        ),
    ),
    "status 500": Row("[[status:500]]", *alike(site_error(Detail.STATUS, 502, upstream_status=500))),
    "status 503": Row("[[status:503]]", *alike(site_error(Detail.STATUS, 503, upstream_status=503))),
    "a forgotten session": Row("[[forget:now]]", *alike(succeeded(EndReason.STOP))),
    "no head at all": Row("[[hang]]", *alike(timed_out(Detail.FIRST_BYTE))),
    "a head and nothing more": Row("[[silent]]", *alike(timed_out(Detail.IDLE, upstream_status=200))),
    "silence in the middle": Row(
        "[[silence:60000]]",
        broken(EndReason.TIMEOUT, Detail.IDLE, "upstream_timeout"),
        timed_out(Detail.IDLE, upstream_status=200),
    ),
}


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("shape", Shape)
async def test_every_fault_has_the_ending_of_its_row(
    *, shape: Shape, stream: bool, redis_server: RedisServer
) -> None:
    async with whole_system(
        shape, redis_server.url, UPSTREAM_TIMEOUT_MS=IDLE_MS, MIX2API_EARLY_HEADERS_MS="30000"
    ) as system:
        endings = await induce(system, stream=stream)
        expected = {name: row.stream if stream else row.whole for name, row in ROWS.items()}
        assert endings == expected
        report = await system.check_log(runs=len(ROWS))
        assert report["done_coverage"] == (1.0 if stream else None)
        logged = {line["request_id"]: line for line in system.log_lines()}
        for name, ending in expected.items():
            line = logged[request_id(name)]
            assert (line["end_reason"], line["http_status"]) == (ending.end_reason, ending.end_status)


async def induce(system: WholeSystem, *, stream: bool) -> dict[str, Ending]:
    """Puts all rows at once and gives how each ended. The clients stay until the last receipt is written."""
    answers: dict[str, Answer] = {}
    all_written = trio.Event()

    async def put(name: str, row: Row) -> None:
        headers = {"x-request-id": request_id(name)}
        async with system.client.asking(row.prompt, headers=headers, stream=stream, **row.fields) as asked:
            answers[name] = await asked.answer()
            await all_written.wait()

    async with trio.open_nursery() as nursery:
        for name, row in ROWS.items():
            nursery.start_soon(put, name, row)
        await system.wait_receipts(len(ROWS))
        all_written.set()
    return {name: await ending_of(system, name, answers[name]) for name in ROWS}


async def ending_of(system: WholeSystem, name: str, answer: Answer) -> Ending:
    run = await system.run_of(request_id(name))
    receipts = await system.receipts()
    assert answer.headers["x-request-id"] == request_id(name)
    assert answer.headers["x-mix2api-run-id"] == run.run_id
    return Ending(
        end_reason=run.end.end_reason.value,
        detail=run.end.detail,
        end_status=run.end.http_status,
        upstream_status=run.end.upstream_status,
        receipt=receipts[run.run_id],
        seen=seen(answer),
    )


def seen(answer: Answer) -> str:
    """The answer in a few words, its form checked on the way."""
    if answer.status != 200:
        error = answer.error()
        assert set(error) == {"message", "type", "code", "param"}
        return f"{answer.status} {error['code']}"
    if not answer.is_stream:
        return f"200 {answer.finish_reason()}"
    assert answer.payloads()[-1] == "[DONE]"
    if answer.finish_reason() != "error":
        assert not any("error" in chunk for chunk in answer.chunks())
        return f"200 {answer.finish_reason()}"
    *_, error, terminal = answer.chunks()
    assert set(error) == {"error"}
    assert set(error["error"]) == {"message", "type", "code", "param", "end_reason", "request_id"}
    assert error["error"]["request_id"] == answer.headers["x-request-id"]
    assert terminal["error"] == error["error"]
    assert terminal["choices"][0]["finish_reason"] == "error"
    assert [choice["finish_reason"] for choice in answer.choices()[:-1]] == [None] * (
        len(answer.choices()) - 1
    )
    return f"200 failing ending {error['error']['code']}"


def request_id(name: str) -> str:
    return name.replace(" ", "-").replace("'", "")
