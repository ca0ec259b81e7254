"""Limits of the relay."""

from attrs import frozen

from mix2api.replies import BACKLOG_BYTES
from mix2api.vocabulary import ProcessId


@frozen(kw_only=True)
class RelayOptions:
    """Built by the composition root."""

    process: ProcessId
    period_s: float
    """A lease's life (`MIX2API_LEASE_S`): after so much silence a run is looked up."""
    queue_timeout_s: float
    """How long a turn may wait to be begun (`MIX2API_QUEUE_TIMEOUT_MS`)."""
    backlog_bytes: int = BACKLOG_BYTES
    """Bytes that a worker may send ahead of a run's client (`MIX2API_STREAM_BACKLOG_BYTES`)."""
    rerun: bool = True
    """Whether a turn whose worker died runs once more, if its client has seen nothing (`MIX2API_RERUN`)."""
