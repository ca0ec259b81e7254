from edge.harness import running_edge

from mix2api.edge.health import FailingPart, Health

NO_LOG = Health(failing=(FailingPart("event_log", "it cannot be reached"),))


async def test_a_healthy_process_is_ok_alive_and_ready_without_any_key() -> None:
    async with running_edge() as edge:
        paths = ("/health", "/health/live", "/health/ready")
        answers = [await edge.send("GET", path, headers={"authorization": ""}) for path in paths]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert answers[0].json() == {
        "status": "ok",
        "service": "mix2api",
        "version": "0.0",
        "channel": "stable",
        "process": "p_test",
        "session_store": {"mode": "redis", "degraded": False, "connected": True, "reason": None},
        "active_runs": 0,
    }
    assert [answer.json()["status"] for answer in answers[1:]] == ["alive", "ready"]


async def test_a_failing_part_is_named_and_the_process_stays_alive() -> None:
    async with running_edge() as edge:
        edge.watcher.health = NO_LOG
        health, live, ready = [
            await edge.send("GET", path) for path in ("/health", "/health/live", "/health/ready")
        ]
    failing = [{"part": "event_log", "why": "it cannot be reached"}]
    assert (health.status, health.json()["status"], health.json()["failing"]) == (503, "degraded", failing)
    why = failing[0]["why"]
    assert health.json()["session_store"] == {
        "mode": "redis",
        "degraded": True,
        "connected": False,
        "reason": why,
    }
    assert live.status == 200
    assert (ready.status, ready.json()) == (503, {"status": "not_ready", "failing": failing})


async def test_a_draining_process_is_healthy_and_not_ready() -> None:
    async with running_edge() as edge:
        edge.watcher.health = Health(draining=True)
        health, ready = [await edge.send("GET", path) for path in ("/health", "/health/ready")]
    assert (health.status, health.json()["draining"]) == (200, True)
    assert (ready.status, ready.json()["status"]) == (503, "draining")


async def test_a_canary_without_a_share_is_healthy_and_not_ready() -> None:
    async with running_edge() as edge:
        edge.watcher.health = Health(standby=True)
        health, ready = [await edge.send("GET", path) for path in ("/health", "/health/ready")]
    assert (health.status, health.json()["standby"]) == (200, True)
    assert (ready.status, ready.json()["status"]) == (503, "standby")


async def test_warnings_are_shown() -> None:
    async with running_edge() as edge:
        edge.watcher.health = Health(warnings=("any bearer is accepted",))
        health = await edge.send("GET", "/health")
    assert (health.status, health.json()["warnings"]) == (200, ["any bearer is accepted"])


async def test_a_head_request_gets_no_body() -> None:
    async with running_edge() as edge, edge.connect() as client:
        await client.ask("HEAD", "/health")
        assert (await client.head()).status_code == 200
