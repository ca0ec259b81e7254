"""Finds the account that alone can serve a turn, because the turn refers to what the account has made."""

from collections.abc import Sequence
from typing import NoReturn

from msgspec.structs import replace

from mix2api.accounts.owners import Owner, Owners
from mix2api.errors import InvalidRequest, NotFound, PreviousResponseNotFound
from mix2api.sessions.sites import Sites
from mix2api.vocabulary import Digest
from mix2api.wire.turn import Reference, Turn

_PREVIOUS = "previous_response_id"


class OwnedTurns:
    """Gives turns their owners.

    Args:
        owners: what processes share of responses.
        sites: the upstream of each model.
    """

    def __init__(self, owners: Owners, sites: Sites) -> None:
        self._owners = owners
        self._sites = sites

    async def owned(self, turn: Turn, caller: Digest) -> Turn:
        """The turn with its owner, and without its references. One round trip, none where it refers to nothing.

        Raises:
            InvalidRequest: nobody knows who made what the turn refers to, or two accounts did. It says how to start again.
            StoreUnavailable: the store does not answer.
        """
        if not turn.refers:
            return turn
        found = await self._owners.find(caller, [one.to for one in turn.refers])
        if turn.operation is not None and not turn.model:
            return replace(turn, refers=[], **_kept_by(found[0]))
        for reference, owner in zip(turn.refers, found, strict=True):
            if owner is None and self._must_be_known(reference, turn.model):
                _refuse(reference)
        accounts = {owner.account for owner in found if owner is not None}
        if len(accounts) > 1:
            raise _conflict(turn.refers, found)
        return replace(turn, refers=[], owner=next(iter(accounts), "") or None)

    def _must_be_known(self, reference: Reference, model: str) -> bool:
        """Another caller may have made the response; another account may have made the rest."""
        return reference.param == _PREVIOUS or (reference.is_strict and self._sites.of(model).is_pool)


def _kept_by(owner: Owner | None) -> dict[str, str | None]:
    if owner is None:
        raise NotFound(
            "No response of that id is kept for this key: it is unknown, another key's, or too old.",
            param="response_id",
            code="response_not_found",
        )
    return {"model": owner.model, "owner": owner.account or None}


def _refuse(reference: Reference) -> NoReturn:
    if reference.param == _PREVIOUS:
        raise PreviousResponseNotFound(
            "The previous response is not known here: send the whole history as `input`.", param=_PREVIOUS
        )
    raise InvalidRequest(
        f"Invalid value for '{reference.param}': nobody knows which account made it, and no other account can read it. "
        "Send the content itself.",
        param=reference.param,
        code="owner_unknown",
    )


def _conflict(references: Sequence[Reference], found: Sequence[Owner | None]) -> InvalidRequest:
    """The refusal of a turn that refers to things of several accounts; names the first thing of the second one."""
    known = [(one, owner.account) for one, owner in zip(references, found, strict=True) if owner is not None]
    param = next(one.param for one, account in known if account != known[0][1])
    return InvalidRequest(
        f"Invalid value for '{param}': another account made it than made '{known[0][0].param}', and no account can read both. "
        "Leave out reasoning items of older answers, or send the content itself.",
        param=param,
        code="conflicting_owners",
    )
