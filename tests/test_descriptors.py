"""The limit of file descriptors, and the faults that say that it is reached."""

import errno
import os
import resource
import socket

import pytest
from scarcity import no_descriptor_left

from mix2api.descriptors import none_left, raise_limit


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        told = raise_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
        assert told == (0 if hard == resource.RLIM_INFINITY else hard)
        assert raise_limit() == told
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


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
