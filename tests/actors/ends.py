"""The check that a run has one end, and that the recorded verdict is that of its causes."""

from actor_parts import Bench

from mix2api.events.kinds import End, UpstreamChunk
from mix2api.sessions.attribution import attribute
from mix2api.vocabulary import EndReason


def check_one_end(bench: Bench, end_reason: EndReason, detail: str | None = None) -> End:
    """The only run has one end, the recorded verdict is that of its causes, and nothing is left open."""
    (end,) = bench.ends()
    assert (end.end_reason, end.detail) == (end_reason, detail)
    chunks = [event for event in bench.events() if isinstance(event, UpstreamChunk)]
    cause = attribute(chunks)
    assert (cause.end_reason, cause.detail) == (end_reason, detail)
    assert bench.world.open == {}
    return end
