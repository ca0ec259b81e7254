"""The envelope of every answer of the conversations API: `{"code", "info", "data"}`."""

from typing import Any, Final

import msgspec

from mix2api.errors import ClientVisibleError, Conflict
from mix2api.vocabulary import EndReason

SUCCESS: Final = "0000"
UNKNOWN: Final = "0001"
PARAMETER: Final = "0002"
CREDENTIAL: Final = "0003"
CONFLICT: Final = "0004"
LIMIT: Final = "0005"
STORE: Final = "0006"

CODES: Final = {
    SUCCESS: "success",
    UNKNOWN: "a fault of this server, or one without a code of its own",
    PARAMETER: "a parameter is missing or wrong, or names what the caller does not have",
    CREDENTIAL: "the credential is missing or wrong",
    CONFLICT: "the state of the object forbids it now: a busy session, or another version than the one sent",
    LIMIT: "one of this server's limits; try again",
    STORE: "the store does not answer; try again",
}
"""Every code, with its meaning."""

_OF_REASONS: Final = {
    EndReason.INVALID_REQUEST: PARAMETER,
    EndReason.AUTH_ERROR: CREDENTIAL,
    EndReason.OVERLOADED: LIMIT,
    EndReason.UNAVAILABLE: STORE,
}
_encode: Final = msgspec.json.Encoder().encode


def success(data: Any) -> bytes:
    """The body of an answer that gives something."""
    return _encode({"code": SUCCESS, "info": "success", "data": data})


def failure(error: ClientVisibleError) -> bytes:
    """The body of an error. A conflict gives what stands instead."""
    if isinstance(error, Conflict):
        return _encode({"code": CONFLICT, "info": error.message, "data": error.current})
    return _encode({"code": _OF_REASONS.get(error.end_reason, UNKNOWN), "info": error.message, "data": None})
