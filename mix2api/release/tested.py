"""The figures of one test, as they stand in a heartbeat, in JSON and in the evidence of a rollback."""

from msgspec import Struct


class Tested(Struct, frozen=True, kw_only=True):
    """One test."""

    scope: str
    """`all`, or `<client>/<stream or whole>/<tools or plain>`."""
    metric: str
    stable: int
    """Trials, as `canary`."""
    stable_bad: int
    canary: int
    canary_bad: int
    odds: float
    """By how much the canary's odds of a bad trial seem larger."""
    evidence: float
    """Powers of ten: 3 is evidence of a thousand to one."""
    weight: float
    """In the average of all tests."""
