"""One canonical line for each run of a process, whoever ends it a second time."""

from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from mix2api.actors.environment import Completed
from mix2api.clock import SystemClock
from mix2api.edge.refusals import RefusedRequest
from mix2api.events.kinds import End, Request
from mix2api.events.refusal_entry import RefusalEntry
from mix2api.process.reporting import Reporter
from mix2api.vocabulary import Channel, ClientName, EndReason, ProcessId, RequestId, RunId, SessionId


class Told:
    """A reporter and what it wrote."""

    def __init__(self) -> None:
        self.capture = LogCapture()
        self.entries: list[RefusalEntry] = []
        logger: Any = structlog.wrap_logger(None, processors=[self.capture])
        self.reporter = Reporter(logger, Channel.STABLE, "dynamic", SystemClock(), self.entries.append)

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.capture.entries]

    def completed(self, run_id: str, end_reason: EndReason = EndReason.STOP) -> None:
        request = Request(
            run_id=RunId(run_id),
            seq=1,
            request_id=RequestId("req"),
            at_ms=0,
            client=ClientName.OTHER,
            model="m",
            stream=False,
            tools_present=False,
            messages_all=1,
            messages_new=1,
            body_bytes=1,
            edge=ProcessId("p"),
            worker=ProcessId("p"),
        )
        end = End(run_id=RunId(run_id), seq=2, end_reason=end_reason, http_status=200, total_ms=1)
        self.reporter.on_completed(Completed(session_id=SessionId("ses"), request=request, end=end, chunks=0))

    def refused(self, run_id: str | None, worker_channel: Channel | None = None) -> None:
        self.reporter.on_refused(
            RefusedRequest(
                request_id=RequestId("req"),
                run_id=None if run_id is None else RunId(run_id),
                method="POST",
                route="/v1/chat/completions",
                client="other",
                end_reason=EndReason.UNAVAILABLE,
                http_status=503,
                worker_channel=worker_channel,
            )
        )


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_run_that_recovery_ends_once_more_keeps_its_one_line(told: Told) -> None:
    told.completed("run_1")
    told.completed("run_1", EndReason.WORKER_LOST)
    assert told.events == ["request.completed", "request.ended_again"]
    again = told.capture.entries[1]
    assert (again["run_id"], again["request_id"]) == ("run_1", "req")
    assert (again["end_reason"], again["log_level"]) == ("worker_lost", "warning")


def test_a_turn_that_ran_though_its_client_was_refused_keeps_the_line_of_the_refusal(told: Told) -> None:
    told.refused("run_1")
    told.completed("run_1")
    assert told.events == ["request.completed", "request.ended_again"]
    assert len(told.entries) == 1


def test_a_refusal_behind_the_run_s_line_is_still_in_the_audit(told: Told) -> None:
    told.completed("run_1")
    told.refused("run_1")
    assert told.events == ["request.completed", "request.ended_again"]
    assert len(told.entries) == 1


def test_the_entry_of_a_refusal_names_the_process_s_channel_and_the_worker_s(told: Told) -> None:
    told.refused("run_1", Channel.CANARY)
    told.refused("run_2")
    assert [(entry.channel, entry.worker_channel) for entry in told.entries] == [
        (Channel.STABLE, Channel.CANARY),
        (Channel.STABLE, None),
    ]


def test_requests_without_a_run_have_a_line_each(told: Told) -> None:
    told.refused(None)
    told.refused(None)
    assert told.events == ["request.completed"] * 2


def test_runs_are_remembered_within_bounds(told: Told) -> None:
    for number in range(5000):
        told.completed(f"run_{number}")
    told.completed("run_4999")
    told.completed("run_0")
    assert told.events[-2:] == ["request.ended_again", "request.completed"]
    assert len(told.reporter._lined) == 4096
