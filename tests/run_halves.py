"""Audit entries by the handful, for tests of what is folded from them."""

from typing import Any

from refusal_entries import refusal

from mix2api.events.audit_entry import SUMMARY_VERSION, EndSummary, RequestSummary, _encoded
from mix2api.events.refusal_entry import CountedRefusals, RefusalCount, refusal_bytes
from mix2api.projections.run_index import RunIndex
from mix2api.vocabulary import Channel, EndReason

NOW = 1_700_000_000_000


def halves(request_id: str, **fields: Any) -> tuple[bytes, bytes]:
    """The halves of a good run's entry; `fields` are those of either summary."""
    known: dict[str, Any] = {
        "client": "opencode",
        "model": "mix/a",
        "channel": Channel.STABLE,
        "end_reason": EndReason.STOP,
        "detail": None,
        "total_ms": 100,
        "first_token_ms": 40,
        "again_of": None,
    } | fields
    asked = RequestSummary(
        SUMMARY_VERSION,
        NOW,
        request_id,
        known.pop("client"),
        stream=True,
        tools_present=False,
        model=known.pop("model"),
        attempt=1,
        channel=known.pop("channel"),
        again_of=known.pop("again_of"),
    )
    ended = EndSummary(
        version=SUMMARY_VERSION,
        http_status=200,
        upstream_status=200,
        finish_reason=None,
        frames=3,
        usage=None,
        **known,
    )
    return _encoded(asked), _encoded(ended)


def ended_run(
    index: RunIndex, run_id: str, *, at_ms: int = NOW, request_id: str | None = None, **fields: Any
) -> None:
    """Tells the index of a run; its session has the run's last letter."""
    asked, ended = halves(request_id or f"req-{run_id}", **fields)
    index.add_run(at_ms, (run_id, f"ses_{run_id[-1]}"), asked, ended)


def refusal_data(**fields: Any) -> bytes:
    """The entry of a refused request."""
    return refusal_bytes(refusal(**fields))


def refusals_data(count: int) -> bytes:
    """The entry of so many that were only counted."""
    counted = CountedRefusals(client="curl", stream=None, tools_present=None, count=count)
    entry = RefusalCount(
        at_ms=NOW,
        end_reason=EndReason.OVERLOADED,
        detail=None,
        http_status=429,
        channel=Channel.STABLE,
        by_client=(counted,),
    )
    return refusal_bytes(entry)
