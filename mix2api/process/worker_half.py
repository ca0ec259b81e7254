"""The half of a process that runs turns, put together from settings: an edge alone has none."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from mix2api.actors.environment import Completed, Environment
from mix2api.actors.inbox import Inbox
from mix2api.actors.recovery import Recovery
from mix2api.actors.request_facts import known_or_digest
from mix2api.actors.worker import Worker
from mix2api.process.groups import actor_options
from mix2api.process.named_upstreams import (
    called_upstream,
    keeps_of,
    tools_in_text_of,
)
from mix2api.process.nearest import OwnShards
from mix2api.process.profiles import start_budgets
from mix2api.process.upstream import ConfiguredUpstream
from mix2api.upstreams.credentials.managed import LoginReport, ManagedCredential
from mix2api.upstreams.http.connection import Dialer
from mix2api.upstreams.surroundings import Surroundings

if TYPE_CHECKING:
    from mix2api.process.parts import Parts


@frozen(kw_only=True)
class WorkerHalf:
    """What runs turns; an edge alone has none."""

    environment: Environment
    worker: Worker
    inbox: Inbox
    recovery: Recovery
    credential: ManagedCredential | None
    """None: nothing is fetched or renewed."""
    keep_upstream: Callable[[], Awaitable[None]] | None = None
    """What the upstream needs to have running; None: nothing."""
    runtime_runs: Callable[[], int] | None = None
    """Counts the runs in a runtime; None: there is none."""


@contextmanager
def surrounded_upstream(parts: "Parts", dialer: Dialer | None) -> Iterator[ConfiguredUpstream]:
    """What the worker calls, with what the settings put around it."""
    settings, store, reporter = parts.settings, parts.store, parts.reporter

    def on_login(report: LoginReport) -> None:
        reporter.on_login(report)
        parts.meters.on_login("done" if report.why is None else report.why.value)

    surroundings = Surroundings(
        clock=parts.clock,
        process=store.process,
        sessions=store.runtime,
        transcripts=store.transcripts,
        is_gone=store.heartbeat.is_gone,
        tell=reporter.on_remark,
    )
    with called_upstream(parts.upstreams, store, surroundings, on_login, dialer) as configured:
        if settings.logging.token_info and configured.credential is not None:
            configured.credential.on_step = reporter.on_token
        observing = parts.observing
        upstream = configured.upstream if observing is None else observing.upstream(configured.upstream)
        yield evolve(configured, upstream=upstream)


def worker_half(parts: "Parts", configured: ConfiguredUpstream) -> WorkerHalf:
    """What runs turns, over an upstream."""
    store, settings = parts.store, parts.settings
    models = frozenset(settings.listening.models)

    def on_completed(completed: Completed) -> None:
        parts.reporter.on_completed(completed)
        parts.meters.on_session(completed.request.resolution, completed.request.resolution_reason)
        if parts.tracing is not None:
            parts.tracing.on_completed(completed)

    environment = Environment(
        process=store.process,
        channel=settings.release.channel,
        log=store.log,
        upstream=configured.upstream,
        clock=parts.clock,
        seal=store.seal,
        options=actor_options(settings, tools_in_text_of(parts.upstreams)),
        model_names=models,
        mint=parts.mint,
        reclaim=parts.reclaim,
        supersede_elsewhere=parts.aborts.supersede_elsewhere,
        on_completed=on_completed,
        on_audited=parts.meters.on_audited,
        on_tools=parts.reporter.on_tools if settings.logging.tool_selection else None,
        on_call_read=parts.reporter.on_call_read if settings.logging.tool_parse else None,
        on_unheard=parts.reporter.on_unheard,
        on_schema_fallback=parts.reporter.on_schema_fallback,
        on_fault=parts.reporter.on_actor_fault,
        budgets=start_budgets(
            settings,
            parts.profiles,
            keeps_of(parts.upstreams),
            partial(known_or_digest, known=models, seal=store.seal),
            parts.reporter.on_model_fallback,
        ),
    )
    lease_s = float(settings.storing.lease_s)
    draw_shard = OwnShards(store.leases, parts.mint)
    worker = Worker(environment, parts.mint, draw_shard, store.heartbeat.peers)
    return WorkerHalf(
        environment=environment,
        worker=worker,
        inbox=Inbox(environment, worker, store.post, parts.outbox, store.heartbeat.alive, lease_s),
        recovery=Recovery(
            environment,
            store.log,
            store.heartbeat.alive,
            lease_s,
            worker.running,
            store.heartbeat.peers.is_silent,
            parts.tell_edge,
        ),
        credential=configured.credential,
        keep_upstream=configured.keep,
        runtime_runs=configured.runtime_runs,
    )
