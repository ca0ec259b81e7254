"""What is found at start: each wrong thing is one line that says what to do, and none shows a secret."""

from pathlib import Path

import pytest
from cluster_servers import RedisCluster, port_for_a_node
from damages import WHOLE, put
from redis_server import RedisServer, binaries

from mix2api.errors import ConfigurationError
from mix2api.sealing import Seal
from mix2api.store.keys import Keys
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions
from mix2api.store.redis.checks import Deployment, check_redis
from mix2api.store.redis.cluster import found_table
from mix2api.store.redis.location import RedisLocation, Timeouts
from mix2api.store.redis.routing import SlotTable

SEAL = Seal(b"the deployment's secret")


def finding(url: str, *, seal: Seal = SEAL, shards: int = 256, lease_ms: int | None = None) -> str:
    """The line that the checks end with; empty if they pass."""
    deployment = Deployment(keys=Keys(), seal=seal, shards=shards, lease_ms=lease_ms)
    try:
        check_redis(RedisLocation.parse(url), Timeouts(reply_s=0.5), deployment)
    except ConfigurationError as found:
        line = str(found)
        assert "\n" not in line
        assert "planted" not in line
        return line
    return ""


@pytest.mark.parametrize("name", list(binaries()))
def test_a_sound_server_passes_and_passes_again(tmp_path: Path, name: str) -> None:
    server = RedisServer(tmp_path, binaries()[name])
    server.start()
    assert finding(server.url) == finding(server.url) == ""
    server.stop()


def test_an_unreachable_server(tmp_path: Path) -> None:
    assert "cannot be reached" in finding(f"unix://{tmp_path}/nobody.sock")
    assert "start it, or correct REDIS_URL" in finding("redis://user:planted@127.0.0.1:1/0")


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    server.pause()
    assert "cannot be reached" in finding(server.url)
    server.stop()


def test_a_wrong_or_missing_password(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, arguments=("--requirepass", "right"))
    server.start()
    wrong = finding(f"unix://:planted@{server.socket_path}")
    assert "refuses the user or password: correct them in REDIS_URL" in wrong
    assert finding(f"unix://:right@{server.socket_path}") == ""
    assert "refuses the user or password" in finding(server.url)
    server.stop()


def test_a_user_who_may_not_do_what_is_needed(redis_server: RedisServer) -> None:
    redis_server.command("ACL", "SETUSER", "reader", "on", ">planted", "~*", "+get")
    assert "grant all commands" in finding(f"unix://reader:planted@{redis_server.socket_path}")
    redis_server.command("ACL", "DELUSER", "reader")


def test_a_server_that_evicts(redis_server: RedisServer) -> None:
    redis_server.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert "set maxmemory-policy noeviction" in finding(redis_server.url)
    redis_server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")


def test_a_server_that_is_too_old(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mix2api.store.redis.checks.OLDEST_VERSION", (99, 0))
    assert "6.2 or newer is needed" in finding(redis_server.url)


def test_another_number_of_shards(redis_server: RedisServer) -> None:
    assert finding(redis_server.url, shards=64) == ""
    assert "made with 64: set it to 64" in finding(redis_server.url, shards=256)


def test_another_secret(redis_server: RedisServer) -> None:
    assert finding(redis_server.url) == ""
    assert "MIX2API_SECRET is not the one" in finding(redis_server.url, seal=Seal(b"planted elsewhere"))
    assert b"secret" not in str(redis_server.command("HVALS", "mix2api:deployment")).encode()


def test_another_lease_length_waits_until_nobody_lives_who_counts_in_the_old_one(
    redis_server: RedisServer,
) -> None:
    assert finding(redis_server.url, lease_ms=5000) == finding(redis_server.url, lease_ms=5000) == ""
    redis_server.command("SADD", "mix2api:processes", "p_gone", "p_here")
    assert finding(redis_server.url, lease_ms=3000) == ""
    redis_server.command("HSET", "mix2api:process:p_here", "weight", 1)
    line = finding(redis_server.url, lease_ms=1000)
    assert "MIX2API_LEASE_S is 1, but the running processes of this deployment have 3: set it to 3" in line
    assert finding(redis_server.url) == finding(redis_server.url, lease_ms=3000) == ""
    redis_server.command("HSET", "mix2api:deployment", "lease_ms", "damage")
    assert finding(redis_server.url, lease_ms=1000) == ""
    redis_server.command("SET", "mix2api:processes", "damage")
    assert finding(redis_server.url, lease_ms=2000) == ""


async def test_a_redis_url_needs_a_secret(redis_server: RedisServer) -> None:
    with pytest.raises(ConfigurationError, match="MIX2API_SECRET is required with REDIS_URL"):
        async with open_store(StoreOptions(url=redis_server.url)):
            pass


async def test_a_short_secret_is_refused(redis_server: RedisServer) -> None:
    with pytest.raises(ConfigurationError, match="too short"):
        async with open_store(StoreOptions(url=redis_server.url, secret=b"planted")):
            pass


@pytest.mark.parametrize("kind", [*WHOLE])
def test_a_damaged_deployment_names_its_key_and_what_to_do(redis_server: RedisServer, kind: str) -> None:
    put(redis_server, Keys().deployment(), WHOLE[kind])
    found = finding(redis_server.url)
    if kind in {"nothing", "a hash"}:
        assert found == "", "it has nothing of ours, and gets it"
        return
    assert "mix2api:deployment" in found
    assert "delete the key" in found


@pytest.mark.parametrize("shards", ["junk", "", b"\xff", "-1", "9" * 5000])
def test_a_number_of_shards_that_is_none_is_damage(redis_server: RedisServer, shards: str | bytes) -> None:
    redis_server.command("HSET", Keys().deployment(), "shards", shards)
    assert "is damaged" in finding(redis_server.url)


def of_cluster(servers: RedisCluster) -> str:
    """The line that the start over a cluster ends with; empty if all is well."""
    location, table = RedisLocation.parse(servers.url()), SlotTable()
    deployment = Deployment(keys=Keys(is_clustered=True), seal=SEAL, shards=8, lease_ms=1000)
    try:
        found_table(location, Timeouts(reply_s=0.5), table)
        check_redis(location, Timeouts(reply_s=0.5), deployment, table)
    except ConfigurationError as found:
        return str(found)
    return ""


def test_every_master_of_a_cluster_is_asked(redis_cluster: RedisCluster) -> None:
    assert of_cluster(redis_cluster) == of_cluster(redis_cluster) == ""
    last = redis_cluster.nodes[-1]
    last.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    evicts = of_cluster(redis_cluster)
    last.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert f"redis://127.0.0.1:{last.port}/0 has maxmemory-policy allkeys-lru" in evicts


def test_a_master_that_is_away_stops_no_start_unless_it_has_what_the_deployment_agrees_on(
    redis_cluster: RedisCluster,
) -> None:
    needed = redis_cluster.master_of(Keys().deployment())
    others = [node for node in redis_cluster.nodes if node is not needed]
    others[0].server.pause()
    assert of_cluster(redis_cluster) == ""
    others[0].server.resume()
    needed.server.pause()
    assert "cannot be reached" in of_cluster(redis_cluster)


def test_what_is_no_cluster_is_one_line(redis_cluster: RedisCluster, tmp_path: Path) -> None:
    """Nobody listens at the first node of the URL; the second is a server by itself."""
    port = port_for_a_node()
    server = RedisServer(tmp_path, arguments=("--port", str(port), "--bind", "127.0.0.1"))
    server.start()
    location = RedisLocation.parse(f"redis+cluster://127.0.0.1:1,127.0.0.1:{port}")
    with pytest.raises(
        ConfigurationError, match=r"cannot be used, a node refuses .*cluster support disabled"
    ):
        found_table(location, Timeouts(), SlotTable())
    server.stop()
    nobody = RedisLocation.parse("redis+cluster://127.0.0.1:1")
    with pytest.raises(
        ConfigurationError, match=r"redis\+cluster://127.0.0.1:1 cannot be used, no node answers"
    ):
        found_table(nobody, Timeouts(), SlotTable())
    assert "is a node of a Redis Cluster" in finding(f"redis://127.0.0.1:{redis_cluster.nodes[0].port}")
