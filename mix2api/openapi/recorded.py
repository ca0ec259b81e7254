"""The examples of the document: requests to a running server, and what it answered, kept in `examples.json`.

`tests/system/test_openapi_examples.py` records them anew and compares; with `MIX2API_RECORD=1` it writes them. Ids, times and
the process's name change from run to run, so they are written as the same word each time.
"""

from importlib import resources
from typing import Any

import msgspec
from attrs import frozen


@frozen(kw_only=True)
class Recorded:
    """One example."""

    operation: str
    """The operation's id."""
    status: int
    media: str
    """The answer's media type."""
    answer: Any
    """JSON, or an event stream as text."""
    request: Any = None
    """JSON; None where there was no body, or the answer is an error."""


def recorded_examples() -> dict[str, Recorded]:
    """The examples by name, in their order."""
    text = resources.files("mix2api.openapi").joinpath("examples.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, Recorded])
