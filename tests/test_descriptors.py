"""The limit of file descriptors, and the faults that say that it is reached."""

import errno
import os
import resource
import socket
from collections.abc import Iterator

import pytest
from scarcity import no_descriptor_left

from mix2api.descriptors import connections_within, none_left, raise_limit


@pytest.fixture(autouse=True)
def kept_limits() -> Iterator[None]:
    """The limits of the tests' own process, put back."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def soft_limit(count: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def test_a_low_limit_is_raised_as_far_as_the_process_may() -> None:
    soft_limit(256)
    told = raise_limit()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert told == soft == min(hard, 65_536)


def test_a_limit_is_never_lowered() -> None:
    raise_limit()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


@pytest.mark.parametrize(("soft", "connections"), [(1024, 448), (129, 1), (64, 1)])
def test_connections_are_bounded_by_half_of_the_descriptors(soft: int, connections: int) -> None:
    soft_limit(soft)
    assert connections_within(10_000) == connections
    assert connections_within(1) == 1


def test_the_system_s_own_fault_is_found_under_what_libraries_make_of_it() -> None:
    with no_descriptor_left(), pytest.raises(OSError, match="Too many open files") as caught:
        os.open(os.devnull, os.O_RDONLY)
    assert none_left(caught.value)
    wrapped = ConnectionError("no connection")
    wrapped.__cause__ = ExceptionGroup("all attempts failed", [ValueError(), caught.value])
    assert none_left(wrapped)


def test_other_faults_say_nothing_of_descriptors() -> None:
    assert not none_left(OSError(errno.ECONNREFUSED, "refused"))
    looped = ValueError()
    looped.__context__ = OSError(errno.EPIPE, "broken")
    looped.__context__.__context__ = looped
    assert not none_left(looped)


def test_after_a_resolver_s_fault_it_is_tried_out() -> None:
    fault = socket.gaierror(socket.EAI_AGAIN, "try again")
    assert not none_left(fault)
    with no_descriptor_left():
        assert none_left(fault)
