"""What a deployment chooses about an OpenCode server."""

import base64
from collections.abc import Mapping

from attrs import field, frozen


@frozen(kw_only=True)
class Profile:
    """Which of the runtime's models and agents serve a model name of ours. None: the runtime's own default."""

    model: str | None = None
    """`provider/model`, as OpenCode names it."""
    agent: str | None = None


@frozen(kw_only=True)
class OpenCodeOptions:
    """One configured server."""

    url: str
    """`OPENCODE_URL`: http(s), host, perhaps a path; or where the server of `OPENCODE_COMMAND` listens."""
    password: str | None = field(default=None, repr=False)
    """`OPENCODE_SERVER_PASSWORD`, which OpenCode asks for by Basic authentication."""
    directory: str | None = None
    """`OPENCODE_DIRECTORY`; None: the server's own."""
    default: Profile = field(factory=Profile)
    profiles: Mapping[str, Profile] = field(factory=dict)
    """By the model's name in the request."""
    allows: bool = False
    """Permissions that a session asks for are given, once each (`OPENCODE_PERMISSIONS`); else they are denied."""
    shows_tools: bool = False
    """The runtime's tool runs are told as reasoning (`OPENCODE_SHOW_TOOLS`)."""
    call_s: float = 30.0
    """One call of the API. A fresh server was seen to take 6 s for its first prompt on a busy machine."""
    silence_s: float = 180.0
    """Without an event of the run, until the server is asked whether the run still goes on."""
    total_s: float = 1800.0
    """A whole run."""
    release_s: float = 5.0
    """The end of a run: its abort, the wait until the session is idle, its removal."""

    def profile(self, model: str) -> Profile:
        """For a request's model: what its own profile leaves open, the default says."""
        own = self.profiles.get(model, self.default)
        return Profile(model=own.model or self.default.model, agent=own.agent or self.default.agent)

    def headers(self) -> tuple[tuple[str, str], ...]:
        """The header fields of every call."""
        if self.password is None:
            return ()
        basic = base64.b64encode(f"opencode:{self.password}".encode()).decode()
        return (("authorization", f"Basic {basic}"),)
