"""What stays with its account: an API key, a client's session, a conversation, or nothing. Pure."""

from collections.abc import Callable

import msgspec

from mix2api.sealing import Seal
from mix2api.settings.choices import BindingScope
from mix2api.upstreams.port import UpstreamCall
from mix2api.vocabulary import Digest
from mix2api.wire.turn import Message

BindingKey = Callable[[UpstreamCall], Digest | None]
"""The digest of what a call is bound by; None: it is bound to nothing."""
_encode = msgspec.json.Encoder().encode


def binding_key(scope: BindingScope, seal: Seal) -> BindingKey:
    """The rule of a scope."""
    match scope:
        case BindingScope.API_KEY:
            return lambda call: call.caller
        case BindingScope.SESSION:
            return lambda call: call.isolation
        case BindingScope.LINEAGE:
            return lambda call: seal.digest(_beginning(call), "binding")
        case BindingScope.NONE:
            return lambda _: None


def _beginning(call: UpstreamCall) -> bytes:
    """What all turns of one conversation have in common: caller, model, and the messages up to the first of the user's.

    Linear in their size.
    """
    opening: list[Message] = []
    for message in call.turn.messages:
        opening.append(message)
        if message.role == "user":
            break
    return _encode([call.caller, call.turn.model, opening])
