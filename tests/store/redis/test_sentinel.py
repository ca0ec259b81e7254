"""A Redis behind Sentinels: every connection is to the master of that moment. Real Sentinels on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from redis.exceptions import NoPermissionError, ReadOnlyError, RedisError
from sentinel_servers import SERVICE, Replicated, Sentinel, replicated

from mix2api.errors import ConfigurationError, StoreUnavailable
from mix2api.sealing import Seal
from mix2api.store.keys import Keys
from mix2api.store.redis.checks import Deployment, check_redis
from mix2api.store.redis.link import Reply
from mix2api.store.redis.location import RedisLocation, Timeouts
from mix2api.store.redis.server_link import ServerLink

_LIMIT_S = 30
DEPLOYMENT = Deployment(keys=Keys("sentinel-test"), seal=Seal(b"s" * 32), shards=4, lease_ms=None)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicated]:
    """Two servers and one Sentinel, which is told whom to take for the master and never fails over by itself."""
    with replicated(tmp_path_factory.mktemp("s", numbered=True), sentinels=1) as servers:
        yield servers


@pytest.fixture
def servers(pair: Replicated) -> Iterator[Replicated]:
    """The same, as they began."""
    (sentinel,) = pair.sentinels
    sentinel.watch(pair.master_port)
    yield pair
    pair.master.command("REPLICAOF", "NO", "ONE")
    pair.replica.command("REPLICAOF", "127.0.0.1", pair.master_port)


async def answer(url: str, *command: str) -> Reply:
    link = ServerLink(RedisLocation.parse(url), Timeouts(), "test-sentinel")
    try:
        return (await link.execute(command))[0]
    finally:
        await link.aclose()


async def test_the_master_is_found_through_the_first_sentinel_that_answers(servers: Replicated) -> None:
    (sentinel,) = servers.sentinels
    url = f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/{SERVICE}"
    assert await answer(f"{url}/3", "SET", "where", "three") == b"OK"
    assert await answer(f"{url}?db=3", "GET", "where") == b"three"
    assert await answer(url, "GET", "where") is None
    assert b"role:master" in await answer(url, "INFO", "replication")


async def test_a_link_leaves_a_server_that_has_become_a_replica(servers: Replicated) -> None:
    """A failover makes a replica of a master that was away; who still talks to it is told READONLY."""
    (sentinel,) = servers.sentinels
    link = ServerLink(RedisLocation.parse(servers.url()), Timeouts(), "test-sentinel")
    with trio.fail_after(_LIMIT_S):
        assert await link.execute(("SET", "k", "1")) == [b"OK"]
        servers.replica.command("REPLICAOF", "NO", "ONE")
        servers.master.command("REPLICAOF", "127.0.0.1", servers.replica_port)
        sentinel.watch(servers.replica_port)
        (refused,) = await link.execute(("SET", "k", "2"))
        assert isinstance(refused, ReadOnlyError)
        assert await link.execute(("SET", "k", "3")) == [b"OK"]
        assert servers.replica.command("GET", "k") == b"3"
        await link.aclose()


async def test_a_link_to_one_server_stays_where_it_is_told_readonly(servers: Replicated) -> None:
    link = ServerLink(RedisLocation.parse(servers.replica.url), Timeouts(), "test-sentinel")
    (identity,) = await link.execute(("CLIENT", "ID"))
    (refused,) = await link.execute(("SET", "k", "1"))
    assert isinstance(refused, ReadOnlyError)
    assert await link.execute(("CLIENT", "ID")) == [identity]
    await link.aclose()


async def test_a_sentinel_that_names_a_replica_is_not_believed(servers: Replicated) -> None:
    (sentinel,) = servers.sentinels
    sentinel.watch(servers.replica_port)
    location = RedisLocation.parse(servers.url())
    with pytest.raises(RedisError, match="no master"):
        location.connected(Timeouts(), "test-sentinel")
    with pytest.raises(StoreUnavailable):
        await answer(servers.url(), "PING")


def test_a_server_that_does_not_tell_its_role_is_left_at_once(servers: Replicated) -> None:
    servers.master.command("ACL", "SETUSER", "default", "-role")
    try:
        with pytest.raises(NoPermissionError) as caught:
            RedisLocation.parse(servers.url()).connected(Timeouts(), "test-roleless")
        clients = servers.master.command("CLIENT", "LIST")
    finally:
        servers.master.command("ACL", "SETUSER", "default", "+role")
    assert caught.value.__traceback__ is not None, "its frames keep the connection from the collector"
    assert isinstance(clients, bytes)
    assert b"name=test-roleless" not in clients


def test_what_the_sentinels_do_not_know_is_one_line(servers: Replicated) -> None:
    unknown = RedisLocation.parse(servers.url().replace(SERVICE, "another"))
    with pytest.raises(ConfigurationError, match="the Sentinels do not know the service 'another'") as caught:
        check_redis(unknown, Timeouts(), DEPLOYMENT)
    assert "\n" not in str(caught.value)
    nobody = RedisLocation.parse(f"redis+sentinel://127.0.0.1:1/{SERVICE}")
    with pytest.raises(ConfigurationError, match="no Sentinel answers"):
        check_redis(nobody, Timeouts(), DEPLOYMENT)


def test_sentinels_have_a_credential_of_their_own(tmp_path: Path) -> None:
    sentinel = Sentinel(tmp_path, arguments=("requirepass planted-own",))
    sentinel.start()
    url = f"redis+sentinel://127.0.0.1:{sentinel.port}/{SERVICE}"
    with pytest.raises(ConfigurationError, match="the Sentinels refuse sentinel_user or sentinel_password"):
        check_redis(RedisLocation.parse(f"{url}?sentinel_password=planted"), Timeouts(), DEPLOYMENT)
    location = RedisLocation.parse(f"{url}?sentinel_password=planted-own")
    with pytest.raises(ConfigurationError, match="do not know the service"):
        check_redis(location, Timeouts(), DEPLOYMENT)  # it was let in, and knows nobody
    sentinel.stop()
    assert "planted" not in repr(location)
    assert "planted" not in location.redacted()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+sentinel:///service", "names no Sentinel"),
        ("redis+sentinel://a:1,:2/service", "names no Sentinel"),
        ("redis+sentinel://a:port/service", "a wrong port"),
        ("redis+sentinel://a", "lacks the name of the Sentinels' service"),
        ("redis+sentinel://a/service/main", "database must be a number"),
        ("redis+sentinel://a/service?ssl_cert_reqs=none", "'ssl_cert_reqs'"),
        ("redis://a?sentinel_password=planted", "'sentinel_password'"),
        ("redis+cluster:///", "names no node"),
        ("redis+cluster://a:port", "a wrong port"),
        ("redis+cluster://a:1,b:2/1", "names a database"),
        ("redis+cluster://a?db=1", "'db'"),
    ],
)
def test_a_bad_url_is_one_line_that_says_what_is_wrong(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RedisLocation.parse(url)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "planted" not in str(caught.value)


def test_a_url_has_all_its_parts() -> None:
    location = RedisLocation.parse(
        "rediss+sentinel://anna:planted@one.example,[::1]:7000/my%20service/4"
        "?sentinel_user=bert&sentinel_password=planted&ssl_cert_reqs=none"
    )
    assert location.redacted() == "rediss+sentinel://one.example:26379,[::1]:7000/my service/4"
    assert (location.username, location.password, location.tls) == ("anna", "planted", True)
    assert location.tls_options == (("ssl_cert_reqs", "none"),)
    assert location.sentinels is not None
    assert (location.sentinels.username, location.sentinels.password) == ("bert", "planted")
    assert "planted" not in repr(location)
