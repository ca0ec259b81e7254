"""The loads, interleaved: in every round each load goes over all targets, and each round begins with another one.

So what the machine does meanwhile hits all targets alike, and figures are compared within a round.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import msgspec
from load import LoadOrder
from loads import Load, order, request_bytes
from measure import cpu_ns, reaped_ns, spent_ns
from results import Sample, share_reached, spread
from tally import LoadResult
from targets import HERE, LITELLM, Target

# What a target does after the last byte (commits, logs) belongs to the load.
_SETTLE_S = 0.3
_GRACE_S = 30.0

Tell = Callable[[str], None]


def streams_for(load: Load, target: Target) -> int:
    """How many streams of a load a target gets."""
    return load.slow_streams if target.name == LITELLM else load.streams


def generate(load: Load, target: Target, streams: int) -> LoadResult:
    """Runs the load generator in its own process."""
    asked = LoadOrder(
        port=target.port,
        request=request_bytes(
            target.dialect,
            target.key,
            order(load.chunks, load.pause_us, uneven=load.uneven),
            stream=load.stream,
            headers=target.headers,
        ),
        connections=load.connections,
        streams=streams,
        chunks=load.chunks,
        stream=load.stream,
        times=load.times,
        # Evenly over one stream's length: else all first tokens fall into one burst and measure a queue.
        stagger_us=0 if load.at_once else load.chunks * load.pause_us // load.connections,
        connects=load.connects,
        limit_s=load.limit_s,
    )
    done = subprocess.run(
        [sys.executable, str(HERE / "load.py"), msgspec.json.encode(asked).decode()],
        check=True,
        stdout=subprocess.PIPE,
        timeout=load.limit_s + _GRACE_S,
    )
    return msgspec.json.decode(done.stdout, type=LoadResult)


def measure(number: int, load: Load, target: Target) -> Sample:
    """One load on one target, with what the target's processes spent on it."""
    pids = target.pids()
    before, reaped = cpu_ns(pids), reaped_ns(pids)
    result = generate(load, target, streams_for(load, target))
    time.sleep(_SETTLE_S)
    pids = target.pids()
    spent = spent_ns(before, cpu_ns(pids)) + max(0, reaped_ns(pids) - reaped)
    return Sample(
        round=number,
        load=load.name,
        target=target.name,
        requests=result.requests,
        failed=result.failed,
        chunks=result.chunks,
        frames=result.frames,
        reads=result.reads,
        wall_s=result.wall_s,
        cpu_us=spent / 1000,
        first_us=spread(result.first_us),
        chunk_us=spread(result.chunk_us),
        failures=result.samples,
        byte_p95_us=share_reached(result.byte_us, result.requests, 0.95),
        failed_by=result.failed_by,
    )


def warm_up(loads: Sequence[Load], targets: Sequence[Target]) -> None:
    """A little of every load, so that imports, pools and caches of first requests are not measured."""
    for load in loads:
        for target in targets:
            if target.can(load):
                generate(load.quick(), target, load.connections)


def interleaved(rounds: int, loads: Sequence[Load], targets: Sequence[Target], tell: Tell) -> list[Sample]:
    """All rounds; `tell` gets a line after each."""
    samples: list[Sample] = []
    for number in range(rounds):
        first = number % len(targets)
        order_now = (*targets[first:], *targets[:first])
        samples += [
            measure(number, load, target) for load in loads for target in order_now if target.can(load)
        ]
        tell(f"round {number + 1} of {rounds}")
    return samples
