"""An upstream whose calls carry the managed token, and are put once more with a new one if the site refuses it.

Only before any output: the call's first events are held back until one of them is output or an ending. Where a site may have
taken a turn before it refused the token, a continued session's context is no longer known, and the session is given up
instead of being sent the turn twice.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import evolve

from mix2api.upstreams.credentials.managed import ManagedCredential
from mix2api.upstreams.credentials.refusals import TokenRefusal
from mix2api.upstreams.credentials.token import Token
from mix2api.upstreams.opening import HeldStream, opening_of
from mix2api.upstreams.port import Upstream, UpstreamCall, UpstreamFault
from mix2api.vocabulary import Detail, EndReason


class RenewingUpstream:
    """The port `mix2api.upstreams.port.Upstream` around another one.

    Args:
        inner: sends `UpstreamCall.authorization` as it is.
        credential: whose `keep` runs.
        retries: calls put again after a refusal (`UPSTREAM_AUTH_RECOVERY_RETRY`).
    """

    def __init__(self, inner: Upstream, credential: ManagedCredential, retries: int) -> None:
        self._inner = inner
        self._credential = credential
        self._retries = retries

    @asynccontextmanager
    async def open(self, call: UpstreamCall) -> AsyncIterator[HeldStream]:
        """Puts the call, and waits for what comes first.

        Raises:
            UpstreamFault: `upstream_auth_error` if there is no token or the new one was refused, too;
                `upstream_error/session_lost` if a continued session is to be given up; and what `inner` raises.
        """
        left = self._retries
        while True:
            token = await self._credential.token()
            authorized = evolve(call, authorization=f"Bearer {token.value}")
            async with self._inner.open(authorized) as stream:
                batches = aiter(stream)
                opening = await opening_of(batches)
                refusal = opening.refusal
                if refusal is None:
                    self._credential.accepted(token)
                    yield HeldStream(opening, batches, stream)
                    return
            self._check_retry(call, token, refusal, left)
            left -= 1

    def _check_retry(self, call: UpstreamCall, token: Token, refusal: TokenRefusal, left: int) -> None:
        """Whether the call is to be put once more.

        Raises:
            UpstreamFault: it is not.
        """
        worth_while = self._credential.refused(token, again=left < self._retries)
        if not left or not worth_while:
            raise UpstreamFault(
                EndReason.UPSTREAM_AUTH_ERROR,
                refusal.detail,
                refusal.message,
                status=refusal.status,
                taken=refusal.taken,
            )
        if call.session is not None and refusal.taken:
            raise UpstreamFault(
                EndReason.UPSTREAM_ERROR, Detail.SESSION_LOST, refusal.message, status=refusal.status
            )
