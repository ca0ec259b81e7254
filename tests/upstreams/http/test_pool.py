"""The pool's decisions, without sockets."""

from attrs import define

from mix2api.upstreams.http.limits import KeepAlive
from mix2api.upstreams.http.origin import Origin
from mix2api.upstreams.http.pool import IdlePool

HERE = Origin("http", "here", 80)
THERE = Origin("http", "there", 80)


@define(eq=False)
class Line:
    """A connection that only knows whether it is open."""

    origin: Origin = HERE
    quiet: bool = True
    closed: bool = False

    def close(self) -> None:
        self.closed = True


class Watch:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def pool_of(keep_alive: KeepAlive | None = None) -> tuple[IdlePool[Line], Watch]:
    watch = Watch()
    return IdlePool(keep_alive or KeepAlive(), watch), watch


def test_an_empty_pool_gives_nothing() -> None:
    pool, _ = pool_of()
    assert pool.take(HERE) is None


def test_the_newest_connection_of_the_origin_is_given_once() -> None:
    pool, _ = pool_of()
    older, newer, elsewhere = Line(), Line(), Line(THERE)
    for line in (older, newer, elsewhere):
        pool.give_back(line)
    assert pool.idle_count == 3
    assert [pool.take(HERE), pool.take(HERE), pool.take(HERE)] == [newer, older, None]
    assert pool.take(THERE) is elsewhere
    assert pool.idle_count == 0


def test_a_connection_that_became_readable_is_closed_and_not_given() -> None:
    pool, _ = pool_of()
    alive, dead = Line(), Line(quiet=False)
    pool.give_back(alive)
    pool.give_back(dead)
    assert pool.take(HERE) is alive
    assert dead.closed


def test_what_idled_too_long_is_closed_on_the_next_use() -> None:
    pool, watch = pool_of(KeepAlive(idle_expiry_s=60))
    old, young = Line(), Line()
    pool.give_back(old)
    watch.now = 59
    pool.give_back(young)
    watch.now = 61
    assert pool.take(HERE) is young
    assert old.closed
    assert pool.take(HERE) is None


def test_beyond_the_bound_the_longest_idle_is_closed() -> None:
    pool, _ = pool_of(KeepAlive(max_idle_per_origin=2))
    lines = [Line(), Line(), Line()]
    for line in lines:
        pool.give_back(line)
    assert [line.closed for line in lines] == [True, False, False]
    assert pool.idle_count == 2


def test_without_keep_alive_nothing_is_kept() -> None:
    pool, _ = pool_of(KeepAlive(enabled=False))
    line = Line()
    pool.give_back(line)
    assert line.closed
    assert pool.take(HERE) is None


def test_a_closed_pool_closes_what_it_has_and_what_comes_later() -> None:
    pool, _ = pool_of()
    before, after = Line(), Line()
    pool.give_back(before)
    pool.close()
    pool.give_back(after)
    assert before.closed
    assert after.closed
    assert pool.idle_count == 0


def test_connections_of_origins_that_nobody_asks_for_any_more_are_closed_in_time() -> None:
    pool, watch = pool_of(KeepAlive(idle_expiry_s=10))
    forgotten, asked = Line(THERE), Line()
    pool.give_back(forgotten)
    watch.now = 11
    pool.give_back(asked)
    assert (forgotten.closed, asked.closed, pool.idle_count) == (True, False, 1)
    watch.now = 15
    pool.give_back(Line(THERE))
    assert pool.idle_count == 2, "it looks no oftener than connections expire"
