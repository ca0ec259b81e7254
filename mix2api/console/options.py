"""What the console is told of the settings."""

from collections.abc import Collection, Mapping

from attrs import field, frozen

from mix2api.budget.profile import Profile
from mix2api.console.tokens import AdminToken
from mix2api.settings import EffectiveRow
from mix2api.settings.choices import Busy


@frozen(kw_only=True)
class ConversationOptions:
    """Of conversations, where there are any."""

    shards: int
    """Of the deployment."""
    life_ms: int
    """How long a conversation rests after its last change; 0: until it is deleted."""
    busy: Busy
    """What a message to a session does whose turn still runs."""
    agents: Collection[str]
    """Keys of the configured agents, which a graph may name."""


@frozen(kw_only=True)
class ConsoleOptions:
    """One console's."""

    tokens: tuple[AdminToken, ...]
    session_s: int
    """How long a sign-in lasts after the last page."""
    runs: int
    """That the index holds at most."""
    retention_s: int
    """How long the log keeps entries."""
    profiles: Mapping[str, Profile] = field(factory=dict)
    """Model -> its limits, as `mix2api models` shows them."""
    settings: tuple[EffectiveRow, ...] = ()
    """As `mix2api settings` shows them: secrets are masked."""
    conversations: ConversationOptions | None = None
    """None: there are none."""
