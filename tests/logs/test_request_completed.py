"""The one line that operators grep."""

import io
import json
import re

import attrs
import pytest

from mix2api.logs import BudgetUse, RequestCompleted, configure_logging, log_request_completed
from mix2api.logs.request_completed import fields_of
from mix2api.settings import LogFormat, LogLevel
from mix2api.vocabulary import Channel, EndReason, RequestId, RunId, SessionId

# The public contract: these, in this order. More may stand among them (`detail` does), none may leave.
FIELDS = [
    *("run_id", "request_id", "session", "client", "stream", "tools_present", "model", "end_reason"),
    *("http_status", "upstream_status", "input_budget", "output_budget", "truncation_applied"),
    *("reject_reason", "upstream_host", "upstream_override", "duration_ms", "ttft_ms", "chunks", "channel"),
]

REFUSED = RequestCompleted(
    run_id=RunId("run_1"),
    request_id=RequestId("req-1"),
    client="curl",
    end_reason=EndReason.INVALID_REQUEST,
    http_status=400,
    duration_ms=1,
    channel=Channel.STABLE,
)
SERVED = RequestCompleted(
    run_id=RunId("run_1"),
    request_id=RequestId("req-1"),
    session=SessionId("ses_0001"),
    client="openai_python",
    stream=True,
    tools_present=False,
    model="mix/a model",
    end_reason=EndReason.STOP,
    http_status=200,
    upstream_status=200,
    input_budget=BudgetUse(12, 120_000),
    output_budget=8192,
    truncation_applied=False,
    upstream_host="site:443",
    duration_ms=1234,
    ttft_ms=56,
    chunks=200,
    channel=Channel.CANARY,
)


def written(log_format: LogFormat, completed: RequestCompleted, level: LogLevel = LogLevel.INFO) -> str:
    stream = io.StringIO()
    logger = configure_logging(log_format, level, stream, {"process": "prc_1", "channel": "stable"})
    log_request_completed(logger, completed)
    return stream.getvalue()


@pytest.mark.parametrize("completed", [REFUSED, SERVED])
def test_the_fields_stand_in_their_order_without_spaces(completed: RequestCompleted) -> None:
    words = written(LogFormat.LOGFMT, completed).split()
    assert words[2] == "event=request.completed"
    names = [word.split("=", 1)[0] for word in words[3:]]
    assert [name for name in names if name in FIELDS] == FIELDS
    assert [name for name in names if name not in FIELDS] == ["detail", "usage_source", "process"]


def test_booleans_budgets_and_absent_values_have_their_words() -> None:
    served = written(LogFormat.LOGFMT, SERVED)
    assert (
        " stream=true tools_present=false model=mix/a_model end_reason=stop detail=none http_status=200 "
        in served
    )
    assert " input_budget=12/120000 output_budget=8192 truncation_applied=false reject_reason=none " in served
    assert " ttft_ms=56 chunks=200 usage_source=none channel=canary process=prc_1\n" in served
    assert " upstream_host=site:443 upstream_override=default " in served
    refused = written(LogFormat.LOGFMT, REFUSED)
    assert " session=none client=curl stream=none tools_present=none model=none " in refused
    assert " upstream_status=none input_budget=none output_budget=none " in refused


def test_json_has_the_same_fields_in_the_same_order() -> None:
    line = json.loads(written(LogFormat.JSON, SERVED))
    assert [name for name in line if name in FIELDS] == FIELDS
    assert line["stream"] is True
    assert line["input_budget"] == "12/120000"
    assert line["reject_reason"] is None


def test_this_line_too_is_redacted() -> None:
    planted = RequestCompleted(
        run_id=RunId("run_1"),
        request_id=RequestId("sk-abcdefghijkl"),
        client="curl",
        end_reason=EndReason.AUTH_ERROR,
        http_status=401,
        reject_reason="token=planted",
        duration_ms=1,
        channel=Channel.STABLE,
    )
    line = written(LogFormat.LOGFMT, planted)
    assert 'reject_reason="token=[redacted]"' in line
    assert "sk-abc" not in line


def test_the_line_is_not_written_above_its_level() -> None:
    assert written(LogFormat.LOGFMT, SERVED, LogLevel.WARNING) == ""


@pytest.mark.parametrize(
    "model", ["mix/a-model", "mix/a model", "sk-abcdefghijkl", 'a"quote', "a=b", "%s", "é", ""]
)
@pytest.mark.parametrize("host", ["site:443", "token=planted"])
def test_the_line_is_the_one_that_the_whole_chain_makes(model: str, host: str) -> None:
    """A line without anything to mask or to quote is put together in one step: nobody may see that."""
    completed = attrs.evolve(SERVED, model=model, upstream_host=host)
    stream = io.StringIO()
    context = {"process": "prc_%s", "channel": "stable", "role": "a role", "token": "planted"}
    logger = configure_logging(LogFormat.LOGFMT, LogLevel.INFO, stream, context)
    log_request_completed(logger, completed)
    logger.info("request.completed", **fields_of(completed))
    short, long = [line.split(" ", 1) for line in stream.getvalue().splitlines()]
    assert short[1] == long[1]
    assert re.fullmatch(r"ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", short[0])
    assert "planted" not in stream.getvalue()
