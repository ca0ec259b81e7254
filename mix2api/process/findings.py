"""What `mix2api doctor` finds: a part of the deployment, a grade, and one line that says what to fix."""

from enum import StrEnum

from attrs import frozen


class Part(StrEnum):
    """What was looked at."""

    SETTINGS = "settings"
    STORE = "store"
    PERSISTENCE = "persistence"
    MEMORY = "memory"
    PROCESSES = "processes"
    LEASES = "leases"
    CLOCKS = "clocks"
    UPSTREAM = "upstream"
    PUBLIC_URL = "public_url"


class Grade(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    """The part works, or was not tried, and an operator should know."""
    PROBLEM = "problem"


@frozen
class Finding:
    """One line."""

    grade: Grade
    part: Part
    says: str
    """What was found and, unless all is well, what to fix. No secret and nothing of a request."""
