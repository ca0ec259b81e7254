"""The group of sampled traces: which runs leave one, how long it rests, and how many there are."""

# ruff: noqa: RUF009 - `held` is the groups' own field specifier: attrs makes the fields of what it gives

from typing import Final

from attrs import frozen

from mix2api.settings.choices import TraceMode
from mix2api.settings.readers import Choice, Flag, Share, Whole
from mix2api.settings.setting import Setting, held
from mix2api.vocabulary import ClientName

_CLIENT: Final = "client="
FAILED: Final = "failed"
SLOW: Final = "slow"


@frozen
class KeptRuns:
    """`failed`, `slow` and `client=NAME`, with commas between them."""

    @property
    def allowed(self) -> str:
        """The words."""
        return "`failed`, `slow`, `client=NAME`, with commas between them"

    def read(self, text: str) -> frozenset[str]:
        """The words: `failed`, `slow`, and names of clients."""
        words = frozenset(word.strip() for word in text.split(","))
        names = {ClientName(word.removeprefix(_CLIENT)) for word in words if word.startswith(_CLIENT)}
        rest = {word for word in words if not word.startswith(_CLIENT)}
        if not rest <= {FAILED, SLOW}:
            raise ValueError(text)
        return frozenset({*rest, *names})


@frozen(kw_only=True)
class Tracing:
    """Sampled traces."""

    enabled: bool = held(
        Setting(
            "TRACE_SAMPLING_ENABLED", Flag(), "false", "runs leave traces in Redis, sealed and with an expiry"
        )
    )
    mode: TraceMode = held(
        Setting(
            "MIX2API_TRACE_MODE",
            Choice(TraceMode),
            "metadata",
            "`metadata`: a trace holds facts alone; `content`: the newest messages and the answer too, redacted and cut",
        )
    )
    rate: float = held(Setting("TRACE_SAMPLING_RATE", Share(), "0.01", "share of runs that leave a trace"))
    keep: frozenset[str] = held(
        Setting(
            "MIX2API_TRACE_KEEP",
            KeptRuns(),
            "failed",
            "runs that leave a trace beside that share: `failed`, `slow` (over 30 s), `client=NAME`",
        )
    )
    retention_ms: int = held(
        Setting(
            "TRACE_RETENTION_MS",
            Whole(1, 7 * 86_400_000),
            "86400000",
            "how long a trace rests; then Redis removes it",
            unit="ms",
        )
    )
    max_entries: int = held(
        Setting("TRACE_MAX_ENTRIES", Whole(1, 100_000), "1000", "traces that rest; the oldest give way")
    )
