"""Health for load balancers and operators (FR6): liveness, readiness, and both together with the failing parts."""

from typing import Any, Final, Protocol

from attrs import frozen

from mix2api.edge.options import EdgeOptions

_SERVICE: Final = "mix2api"
EVENT_LOG: Final = "event_log"
"""The part that the store is."""
Told = tuple[dict[str, Any], int]
"""The JSON of an answer, and its status."""


@frozen
class FailingPart:
    """Something that keeps the process from serving."""

    part: str
    """`event_log`, `worker`, `shards`."""
    why: str
    """In words of ours, for the operator."""


@frozen
class Health:
    """The process's state at one moment."""

    failing: tuple[FailingPart, ...] = ()
    draining: bool = False
    """Told to stop: not ready for new work, though nothing is broken."""
    standby: bool = False
    """The release gives the process's channel nothing: not ready for requests, though nothing is broken."""
    runs: int = 0
    """Turns under way: those of its own worker, and those that its clients have elsewhere."""
    runtime_runs: int | None = None
    """Runs of its own worker that have a session in a runtime. None: it calls none."""
    warnings: tuple[str, ...] = ()
    """What is allowed and unwise, such as a bearer mode without a token."""


class HealthSource(Protocol):
    """Who knows. Answers at once, from memory: a probe must not wait for what it probes."""

    def snapshot(self) -> Health:
        """The state now."""
        ...


class HealthEndpoints:
    """`/health`, `/health/live` and `/health/ready`; open to all, since they tell nothing of requests."""

    def __init__(self, options: EdgeOptions, source: HealthSource) -> None:
        self._options = options
        self._source = source

    def summary(self) -> Told:
        """200 `ok` or 503 `degraded` with every failing part."""
        health = self._source.snapshot()
        body: dict[str, Any] = {
            "status": "degraded" if health.failing else "ok",
            "service": _SERVICE,
            "version": self._options.version,
            "channel": self._options.channel.value,
            "process": self._options.process,
            "session_store": self._store(health),
            "active_runs": health.runs,
        }
        if health.runtime_runs is not None:
            body["runtime_runs"] = health.runtime_runs
        if health.draining:
            body["draining"] = True
        if health.standby:
            body["standby"] = True
        if health.failing:
            body["failing"] = _parts(health)
        if health.warnings:
            body["warnings"] = list(health.warnings)
        return body, 503 if health.failing else 200

    def _store(self, health: Health) -> dict[str, Any]:
        """The store in the words of the earlier adapter."""
        why = next((part.why for part in health.failing if part.part == EVENT_LOG), None)
        return {
            "mode": self._options.store_mode,
            "degraded": why is not None,
            "connected": why is None,
            "reason": why,
        }

    def live(self) -> Told:
        """200 as long as the process can answer at all: restart it when this fails."""
        return {"status": "alive"}, 200

    def ready(self) -> Told:
        """200 if new requests may come, else 503: send them elsewhere."""
        health = self._source.snapshot()
        if health.failing:
            return {"status": "not_ready", "failing": _parts(health)}, 503
        if health.draining:
            return {"status": "draining"}, 503
        if health.standby:
            return {"status": "standby"}, 503
        return {"status": "ready"}, 200


def _parts(health: Health) -> list[dict[str, str]]:
    return [{"part": part.part, "why": part.why} for part in health.failing]
