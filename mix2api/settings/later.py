"""Settings whose service is not built yet: known, checked, and never silently ignored.

A row leaves this table for a field of a group (`mix2api.settings.groups`) when it takes effect.
"""

from typing import Final

from mix2api.settings.readers import Share, Whole
from mix2api.settings.setting import Setting

_NO_TRACES: Final = "no traces are taken yet"

LATER: Final[tuple[Setting, ...]] = (
    Setting("MIX2API_TRACE_SAMPLE_RATE", Share(), "0", "share of requests that are traced", lack=_NO_TRACES),
    Setting(
        "MIX2API_TRACE_TTL_S",
        Whole(1, 86_400),
        "86400",
        "how long a trace is kept",
        unit="s",
        lack=_NO_TRACES,
    ),
)
