import trio
import trio.testing

from mix2api.demo.stats import COUNTS, Stats


async def test_a_waiter_wakes_when_its_count_is_reached_and_not_before() -> None:
    stats = Stats()
    seen: list[int] = []

    async def wait() -> None:
        await stats.wait_until(lambda counts: counts.logins >= 2)
        seen.append(stats.logins)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        stats.logins += 1
        await trio.testing.wait_all_tasks_blocked()
        assert seen == []
        stats.logins += 1
    assert seen == [2]


async def test_what_holds_already_is_not_waited_for() -> None:
    with trio.fail_after(1):
        await Stats(requests=1).wait_until(lambda counts: counts.requests == 1)


def test_a_reset_leaves_what_is_open() -> None:
    stats = Stats(connections=1, requests=2, open_streams=3, cut_by_client=4, overflows=6, logins=5)
    stats.reset()
    assert stats.counts() == dict.fromkeys(COUNTS, 0) | {"open_streams": 3}
