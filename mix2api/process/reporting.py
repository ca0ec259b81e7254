"""From what actors and edge report to log lines and audit entries: the canonical line of every request, and faults of ours."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from structlog.typing import FilteringBoundLogger

from mix2api.actors.environment import Completed
from mix2api.actors.told_tools import CallRead, ToolsChosen
from mix2api.clock import Clock
from mix2api.edge.refusals import EdgeFault, RefusedRequest
from mix2api.events.kinds import Request
from mix2api.events.refusal_entry import RefusalEntry
from mix2api.logs import BudgetUse, RequestCompleted, log_request_completed
from mix2api.logs.request_completed import DEFAULT_UPSTREAM
from mix2api.redaction import place_of, redact_body
from mix2api.sessions.worker_port import Ended, Submission
from mix2api.store.damage import Damage
from mix2api.upstreams.credentials.managed import LoginReport
from mix2api.upstreams.credentials.token import TokenReport
from mix2api.upstreams.surroundings import Remark
from mix2api.vocabulary import Channel, Detail, EndReason, RequestId, RunId, SessionId

_OVER_BUDGET: Final = "input_exceeds_available_budget"
"""The earlier adapter's word, which operators' scripts look for."""
_LINED: Final = 4096
"""Runs whose line is remembered: those of the ten seconds after which a process gives up on a store, at 400 a second; 1 MB."""
_PORT: Final = re.compile(r":[0-9]+$")


class Reporter:
    """Writes the log of one process. Also the edge's `EdgeObserver`.

    Args:
        logger: takes the lines.
        channel: of the process.
        chosen_word: what `upstream_override` says of a request that chose its upstream.
        clock: stamps audit entries.
        on_refusal: takes the audit entry of each request that was refused before a run began.
        models: configured names; only these stand in lines in clear.
    """

    def __init__(
        self,
        logger: FilteringBoundLogger,
        channel: Channel,
        chosen_word: str,
        clock: Clock,
        on_refusal: Callable[[RefusalEntry], None],
        models: frozenset[str] = frozenset(),
    ) -> None:
        self._logger = logger
        self._clock = clock
        self._on_refusal = on_refusal
        self._models = models
        self._channel = channel
        self._chosen_word = chosen_word
        self._lined: dict[RunId, None] = {}
        self.schema_fallbacks = 0
        """Sessions that were a miss because their log, or what leads to them, could not be read."""
        self.model_fallbacks = 0
        """Models without a profile that were told of."""

    def on_completed(self, completed: Completed) -> None:
        """An accepted run ended."""
        request, end = completed.request, completed.end
        if self._has_line(request.run_id, request.request_id, end.end_reason, end.detail):
            return
        log_request_completed(
            self._logger,
            RequestCompleted(
                run_id=request.run_id,
                request_id=request.request_id,
                session=completed.session_id,
                client=request.client,
                stream=request.stream,
                tools_present=request.tools_present,
                input_budget=_budget_use(request),
                output_budget=request.output_budget,
                reject_reason=_OVER_BUDGET if end.end_reason is EndReason.BUDGET_REJECTED else None,
                truncation_applied=bool(request.messages_withheld or request.tools_withheld),
                model=request.model,
                end_reason=end.end_reason,
                detail=end.detail,
                http_status=end.http_status,
                upstream_status=end.upstream_status,
                upstream_host=_without_port(completed.chosen_host),
                upstream_override=DEFAULT_UPSTREAM if completed.chosen_host is None else self._chosen_word,
                duration_ms=end.total_ms,
                ttft_ms=end.first_token_ms,
                chunks=completed.chunks,
                usage_source=end.usage_source,
                channel=self._channel,
            ),
        )

    def on_refused(self, refused: RefusedRequest) -> None:
        """A request was refused before a run was accepted."""
        self._on_refusal(
            RefusalEntry(
                at_ms=self._clock.now_ms(),
                request_id=refused.request_id,
                run_id=refused.run_id,
                client=refused.client,
                stream=refused.stream,
                tools_present=refused.tools_present,
                model=refused.model,
                method=refused.method,
                route=refused.route,
                end_reason=refused.end_reason,
                detail=refused.detail,
                http_status=refused.http_status,
                code=refused.reject_reason,
                param=refused.param,
                body_bytes=refused.body_bytes,
                duration_ms=int(refused.duration_ms),
                channel=self._channel,
                times=refused.times,
                worker_channel=refused.worker_channel,
            )
        )
        if self._has_line(refused.run_id, refused.request_id, refused.end_reason, refused.detail):
            return
        log_request_completed(
            self._logger,
            RequestCompleted(
                run_id=refused.run_id,
                request_id=refused.request_id,
                client=refused.client,
                stream=refused.stream,
                tools_present=refused.tools_present,
                model=refused.model,
                end_reason=refused.end_reason,
                detail=refused.detail,
                http_status=refused.http_status,
                reject_reason=refused.reject_reason,
                duration_ms=int(refused.duration_ms),
                channel=self._channel,
            ),
        )

    def _has_line(
        self, run_id: RunId | None, request_id: RequestId, end_reason: EndReason, detail: str | None
    ) -> bool:
        """Whether this process has written the line of that run. Then the other ending gets a line of its own kind.

        A frozen store may run a turn whose client was told that it was not taken. A restarted one may forget an `end`
        that it had acknowledged: recovery finds the run open once more.
        """
        if run_id is None:
            return False
        if run_id in self._lined:
            self._logger.warning(
                "request.ended_again",
                run_id=run_id,
                request_id=request_id,
                end_reason=end_reason.value,
                detail=detail,
            )
            return True
        self._lined[run_id] = None
        if len(self._lined) > _LINED:
            del self._lined[next(iter(self._lined))]
        return False

    def on_unheard(self, submission: Submission, ended: Ended) -> None:
        """A turn from another process's edge was refused, and that edge is gone."""
        turn = submission.turn
        model = turn.model if turn.model in self._models else None
        self._on_refusal(
            RefusalEntry(
                at_ms=self._clock.now_ms(),
                request_id=submission.request_id,
                run_id=submission.run_id,
                client=submission.client,
                stream=turn.stream,
                tools_present=bool(turn.tools),
                model=model,
                method="POST",
                route="none",
                end_reason=ended.end_reason,
                detail=ended.detail,
                http_status=ended.http_status,
                code=ended.error_code,
                param=ended.param,
                body_bytes=submission.body_bytes,
                duration_ms=0,
                channel=self._channel,
            )
        )
        log_request_completed(
            self._logger,
            RequestCompleted(
                run_id=submission.run_id,
                request_id=submission.request_id,
                client=submission.client,
                stream=turn.stream,
                tools_present=bool(turn.tools),
                model=model,
                end_reason=ended.end_reason,
                detail=ended.detail,
                http_status=ended.http_status,
                reject_reason=ended.error_code,
                duration_ms=0,
                channel=self._channel,
            ),
        )

    def on_fault(self, fault: EdgeFault) -> None:
        """The edge broke."""
        self._logger.error(
            "adapter.fault", error=fault.exception, at=fault.place, request_id=fault.request_id
        )

    def on_limit_ignored(self, param: str) -> None:
        """A request went on without its output limit; its field is told, never its value."""
        self._logger.warning("request.limit_ignored", param=param)

    def on_exhausted(self) -> None:
        """No file descriptor is left for the next connection: `ulimit -n` is too low, or `MIX2API_MAX_CONNECTIONS` too high."""
        self._logger.error(
            "edge.exhausted", end_reason=EndReason.OVERLOADED.value, detail=Detail.DESCRIPTORS.value
        )

    def on_remark(self, remark: Remark) -> None:
        """The upstream has something to say that no run can tell of."""
        tell = self._logger.warning if remark.is_warning else self._logger.debug
        tell(remark.event, **remark.facts)

    def on_headers(self, request_id: RequestId, headers: Mapping[str, str]) -> None:
        """A request's headers (`LOG_HEADERS`). The chain masks those of secret names."""
        self._logger.info("debug.headers", request_id=request_id, headers=headers)

    def on_body(self, request_id: RequestId, told: list[str]) -> None:
        """The beginning of a chat request's body (`LOG_BODIES`)."""
        self._logger.info("debug.body", request_id=request_id, body=told)

    def on_tools(self, chosen: ToolsChosen) -> None:
        """The tools of a turn (`LOG_TOOL_SELECTION`)."""
        self._logger.info(
            "debug.tools",
            request_id=chosen.request_id,
            offered=chosen.offered,
            told=chosen.told,
            callable=chosen.callable,
            mode=chosen.mode.value,
            names=chosen.names,
        )

    def on_call_read(self, read: CallRead) -> None:
        """A call that a site wrote into its text (`LOG_TOOL_PARSE`)."""
        self._logger.info(
            "debug.call",
            request_id=read.request_id,
            fate=read.fate,
            name=read.name,
            arguments=redact_body(read.arguments.encode("utf-8", "replace")),
        )

    def on_token(self, report: TokenReport) -> None:
        """A step in the life of a managed token (`LOG_TOKEN_INFO`); never the token."""
        self._logger.info(
            "debug.credential",
            step=report.step.value,
            generation=report.generation,
            left_s=report.left_s,
        )

    def on_schema_fallback(self, session_id: SessionId | None = None) -> None:
        """A session could not be continued because this version cannot read its log, or what leads to it (None)."""
        self.schema_fallbacks += 1
        self._logger.warning("schema_fallback", session=session_id, count=self.schema_fallbacks)

    def on_model_fallback(self, model: str) -> None:
        """A model has no profile: the defaults count for it. Told once a model."""
        self.model_fallbacks += 1
        self._logger.warning("model.profile.fallback", model=model)

    def on_damage(self, damage: Damage) -> None:
        """Something in Redis that no process of ours wrote, or that is broken; never what it holds."""
        self._logger.warning(
            "store.damage",
            key_kind=damage.key_kind,
            shard=damage.shard,
            count=damage.count,
            total=damage.total,
        )

    def on_task_fault(self, task: str, fault: BaseException) -> None:
        """A background task broke, and begins again."""
        place = place_of(fault)
        self._logger.error("adapter.fault", error=place.error, at=place.at, task=task)

    def on_login(self, report: LoginReport) -> None:
        """A token was fetched for the managed credential, or was not; never the token."""
        if report.why is None:
            self._logger.info("login.done", generation=report.generation, lives_s=report.lives_s)
            return
        self._logger.warning(
            "login.failed",
            generation=report.generation,
            why=report.why.value,
            status=report.status,
            pause_ms=report.pause_ms,
        )

    def on_actor_fault(self, session_id: SessionId | None, fault: BaseException) -> None:
        """An actor broke, or what takes turns to the actors (None)."""
        place = place_of(fault)
        self._logger.error("adapter.fault", error=place.error, at=place.at, session=session_id)


def _budget_use(request: Request) -> BudgetUse | None:
    if request.input_tokens is None or request.input_budget is None:
        return None
    return BudgetUse(request.input_tokens, request.input_budget)


def _without_port(host: str | None) -> str | None:
    """The host alone: `[::1]:80` is `[::1]`."""
    return None if host is None else _PORT.sub("", host)
