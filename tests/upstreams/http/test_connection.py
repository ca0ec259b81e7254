"""Where a connection goes: to the host's addresses, or to none but those that an origin names."""

import pytest
import trio
from scarcity import no_descriptor_left
from upstreams.loopback import Connection, serving
from upstreams.names import resolving

from mix2api.upstreams.http.connection import Dialer
from mix2api.upstreams.http.origin import Origin
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail, EndReason


async def _wait(connection: Connection) -> None:
    await connection.wait_hung_up()


async def test_an_origin_s_own_addresses_are_connected_to_and_its_host_is_not_looked_up() -> None:
    async with serving([_wait]) as server:
        with resolving({"site.example": ["127.0.0.9"]}) as names:
            dialed = await Dialer().dial(Origin("http", "site.example", server.port, ("127.0.0.1",)))
            dialed.close()
            assert names.asked == []
        assert server.accepted == 1


async def test_an_address_that_refuses_gives_way_to_the_next() -> None:
    async with serving([_wait]) as server:
        # Nothing listens on 127.0.0.2 at that port.
        dialed = await Dialer().dial(Origin("http", "x", server.port, ("127.0.0.2", "127.0.0.1")))
        dialed.close()
        assert server.accepted == 1


async def test_where_no_address_answers_there_is_no_connection() -> None:
    async with serving([_wait]) as server:
        port = server.port
    with trio.fail_after(10), pytest.raises(UpstreamFault) as caught:
        await Dialer().dial(Origin("http", "x", port, ("127.0.0.1", "127.0.0.2")))
    assert (caught.value.detail, caught.value.taken) == (Detail.CONNECT_FAILED, False)


def test_connections_to_other_addresses_are_another_origin_s() -> None:
    assert Origin("http", "x", 80, ("10.0.0.1",)) != Origin("http", "x", 80)
    assert Origin("http", "x", 80, ("10.0.0.1",)).host_header == "x"


async def test_a_process_without_descriptors_does_not_blame_the_site() -> None:
    async with serving([_wait]) as server:
        with no_descriptor_left(), pytest.raises(UpstreamFault) as caught:
            await Dialer().dial(Origin("http", "127.0.0.1", server.port))
        told = caught.value
        assert (told.end_reason, told.detail, told.taken) == (
            EndReason.OVERLOADED,
            Detail.DESCRIPTORS,
            False,
        )
