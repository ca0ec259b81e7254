"""The models of one account that are limited while the account itself is not (ADR 116). Pure: the wall clock comes in.

A 429 rarely says whose limit was met. The rule, for a 429 of a call for one model:

1. It says that it is the account's (a hint of a plan's windows, a balance): the account is limited.
2. It names the model: the model is limited.
3. It says neither: the model is limited. If another model of the account is limited for such a reason, too, one limit of the
   account is likelier than two of models: the account is limited.

A success of another model, chosen after a limit was known, proves that the limit is the model's own; rule 3 no longer counts
it. So an account whose limit says nothing of itself costs one more call than if every 429 limited the account.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final
from urllib.parse import quote, unquote

from attrs import evolve, frozen

from mix2api.accounts.hints import ResetHint
from mix2api.accounts.state import AccountState, Evidence, Status, decoded, encoded, judged

MOST: Final = 8
"""Models of one account that are limited at once; with one more the account is. Clients choose the names of models, so
without a bound a client could put one call after the other to an account that refuses all of them."""
_BORDERS: Final = frozenset(" |%")
"""Characters that a model's word may not have between the bars."""


class Whose(StrEnum):
    """Whose limit a 429 speaks of."""

    ACCOUNT = "account"
    MODEL = "model"
    UNTOLD = "untold"


@frozen(kw_only=True)
class ModelLimit:
    """A model that is limited on one account."""

    model: str
    """As the store may have it: known, or a digest."""
    state: AccountState
    """`limited`, with the times of an account's limit."""
    is_own: bool = False
    """It is certainly the model's own: the upstream named the model, or another model has succeeded since."""


Limits = tuple[ModelLimit, ...]
"""Of one account, the one whose next try comes last first. `MOST` of them at most."""


@frozen
class Limited:
    """What a 429 makes of an account's limits."""

    limits: Limits
    is_of_account: bool
    """The account itself is limited. Limits that were taken for those of models, and were not proven, are gone."""


def limit_of(limits: Limits, model: str) -> ModelLimit | None:
    """The model's limit, if it has one."""
    return next((one for one in limits if one.model == model), None)


def limited(limits: Limits, model: str, whose: Whose, now_ms: int, hint: ResetHint | None = None) -> Limited:
    """What is limited after a 429.

    Args:
        limits: before.
        model: of the call.
        whose: what the 429 says of it.
        now_ms: Unix time.
        hint: the announced end.
    """
    others = [one for one in limits if one.model != model]
    in_force = [one for one in others if one.state.probe_ms > now_ms]
    is_shared = whose is Whose.UNTOLD and not all(one.is_own for one in in_force)
    if whose is Whose.ACCOUNT or is_shared or len(in_force) >= MOST:
        return Limited(tuple(one for one in limits if one.is_own), is_of_account=True)
    before = limit_of(limits, model) or ModelLimit(model=model, state=AccountState())
    after = evolve(
        before,
        state=judged(before.state, Evidence.LIMITED, now_ms, hint),
        is_own=before.is_own or whose is Whose.MODEL,
    )
    last_first = sorted((after, *others), key=lambda one: one.state.probe_ms, reverse=True)
    return Limited(tuple(last_first[:MOST]), is_of_account=False)


def after_success(limits: Limits, model: str, now_ms: int) -> Limits:
    """What is limited after a success of a call that was chosen when these limits were known; the same object if as before.

    The model is limited no more. Other models that are limited now are so by themselves.
    """
    if limit_of(limits, model) is None and all(one.is_own or one.state.probe_ms <= now_ms for one in limits):
        return limits
    return tuple(
        evolve(one, is_own=one.is_own or one.state.probe_ms > now_ms) for one in limits if one.model != model
    )


def changed(before: Limits, after: Limits) -> list[tuple[str, AccountState, AccountState]]:
    """The models that became limited or are so no more: model, state before, state after."""
    was, now = ({one.model: one.state for one in limits} for limits in (before, after))
    valid = AccountState()
    gone = [(model, state, valid) for model, state in was.items() if model not in now]
    return [*gone, *((model, valid, state) for model, state in now.items() if model not in was)]


def model_word(model: str) -> str:
    """The model as it stands between the bars."""
    return model if model.isascii() and model.isprintable() and _BORDERS.isdisjoint(model) else quote(model)


def encoded_limits(limits: Sequence[ModelLimit]) -> str:
    """The limits as the store keeps them: entries between bars, so that a script finds a model's. Empty: none."""
    entries = [f"{model_word(one.model)} {int(one.is_own)} {encoded(one.state)}" for one in limits]
    return "|".join(["", *entries, ""]) if entries else ""


def decoded_limits(text: str) -> Limits | None:
    """The limits that were kept; None if no process wrote them."""
    if not text:
        return ()
    found = [_decoded(entry) for entry in text[1:-1].split("|")]
    whole = tuple(one for one in found if one is not None)
    return whole if len(whole) == len(found) <= MOST and text[0] == text[-1] == "|" else None


def _decoded(entry: str) -> ModelLimit | None:
    model, _, rest = entry.partition(" ")
    own, _, text = rest.partition(" ")
    state = decoded(text)
    if not model or own not in {"0", "1"} or state is None or state.status is not Status.LIMITED:
        return None
    return ModelLimit(model=unquote(model), state=state, is_own=own == "1")
