"""What the console is told of the settings."""

from attrs import frozen

from mix2api.console.tokens import AdminToken
from mix2api.settings import EffectiveRow


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
    version: str
    settings: tuple[EffectiveRow, ...] = ()
    """As `mix2api settings` shows them: secrets are masked."""
