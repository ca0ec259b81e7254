"""The oracle of runs over real processes: the audit says what every client saw, and the processes' logs say each thing once."""

from collections import Counter, defaultdict
from collections.abc import Mapping

import trio
from client_views import Sight, View, audit_words, mismatches
from redis_server import RedisServer
from truth.crowd import Crowd
from truth.deployment import Deployment
from whole_system import SECRET, SHARDS, until

from mix2api.events.kinds import Request
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions
from mix2api.store.store import Store

_REST_S = 60


async def check(deployment: Deployment, crowd: Crowd, server: RedisServer, done: Mapping[str, int]) -> None:
    """Checks a run once its faults are over; `done` counts them."""
    options = StoreOptions(url=server.url, secret=SECRET.encode(), shards=SHARDS, role="tests")
    async with open_store(options) as store:
        await until_all_ended(store)
        views = [witness.settled() for witness in crowd.witnesses]
        wrong = await settled_mismatches(store, views)
        silent = [line for view in unlined(deployment, views) if (line := await why(store, deployment, view))]
    print(f"{len(views)} views {Counter(view.sight.value for view in views)}, faults {dict(done)}")
    print(f"{sum(view.edge_died for view in views)} views of edges that died soon after")
    assert wrong == [], "\n".join([f"{len(wrong)} of {len(views)} are contradicted", *wrong[:40]])
    assert crowd.hung == []
    assert crowd.wrong == []
    assert silent == []
    twice = lined_twice(deployment)
    assert twice == [], "\n".join(twice)


async def until_all_ended(store: Store) -> None:
    async def none_open() -> bool:
        return not await store.open_entries()

    with trio.fail_after(_REST_S):
        await until(none_open)


async def settled_mismatches(store: Store, views: list[View]) -> list[str]:
    """The mismatches that stay: receipts may still be on their way."""
    wrong: list[str] = []
    for _ in range(20):
        wrong = mismatches(views, await audit_words(store.audit))
        if not wrong:
            break
        await trio.sleep(0.5)
    return wrong


def unlined(deployment: Deployment, views: list[View]) -> list[View]:
    """Requests of edges that live without a canonical line."""
    lined = {line["request_id"] for _, line in deployment.lines() if line["event"] == "request.completed"}
    return [
        view
        for view in views
        if view.request_id not in lined and not view.edge_died and view.sight is not Sight.CUT
    ]


async def why(store: Store, deployment: Deployment, view: View) -> str | None:
    """What is known of a request without a line; None if the process that ended its run was killed, perhaps just then."""
    runs = await store.log.runs_of_request(store.seal.digest(view.request_id, "request_id"))
    workers = set()
    for run_id, session_id in runs:
        async for recorded in store.log.records(session_id):
            event = recorded.event
            if isinstance(event, Request) and event.run_id == run_id:
                workers.add(event.worker)
    return None if workers & deployment.dead() else f"{view} of {runs} at {workers}"


def lined_twice(deployment: Deployment) -> list[str]:
    """Runs of which one process has more than one line."""
    lines: defaultdict[tuple[str, str, str | None], list[str]] = defaultdict(list)
    for process, line in deployment.lines():
        if line["event"] == "request.completed":
            said = [line[name] for name in ("ts", "session", "end_reason", "detail", "http_status")]
            lines[process, line["request_id"], line["run_id"]].append(f"{process} {line['run_id']} {said}")
    return [line for of_one in lines.values() if len(of_one) > 1 for line in of_one]
