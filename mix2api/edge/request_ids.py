"""Which request id a request gets: its own, if that may stand in logs and headers, else a new one."""

import re
from typing import Final

from mix2api.identity import Mint
from mix2api.vocabulary import RequestId

_ACCEPTABLE: Final = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


def request_id_of(given: bytes | None) -> RequestId:
    """The caller's `x-request-id` if it is 1-128 of `[A-Za-z0-9._:-]`, else a new one (FR30)."""
    if given is not None and _ACCEPTABLE.fullmatch(given):
        return RequestId(given.decode("ascii"))
    return Mint.request_id()
