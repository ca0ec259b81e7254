"""The group of what watches the process from outside: the admin port and its metrics."""

from attrs import frozen

from mix2api.settings.readers import HeaderText, Ports, Text
from mix2api.settings.setting import Setting, held


@frozen(kw_only=True)
class Watching:
    """Who may ask how the process is."""

    admin_ports: range | None = held(
        Setting(
            "MIX2API_ADMIN_PORT",
            Ports(),
            "",
            "port of `GET /metrics`, or a range of which each process takes the first free one; empty: none",
        )
    )
    admin_host: str = held(
        Setting("MIX2API_ADMIN_HOST", Text(255), "127.0.0.1", "address that the admin port listens on")
    )
    metrics_token: str | None = held(
        Setting(
            "MIX2API_METRICS_TOKEN",
            HeaderText(),
            "",
            "bearer with which the edge shows `GET /metrics`; empty: it does not",
            secret=True,
        )
    )
