"""Group of the base URL that a request may choose."""

from attrs import frozen

from mix2api.settings.address_readers import HostPatterns
from mix2api.settings.readers import Flag
from mix2api.settings.setting import Setting, held


@frozen(kw_only=True)
class DynamicBase:
    """Whether and where a request may send itself."""

    enabled: bool = held(
        Setting(
            "UPSTREAM_DYNAMIC_BASE_ENABLED",
            Flag(),
            "false",
            "a request may choose the upstream: `x-upstream-base-url`, or `upstream_base_url` or `upstream_api_base` in its body",
        )
    )
    allowlist: tuple[str, ...] | None = held(
        Setting(
            "UPSTREAM_BASE_ALLOWLIST",
            HostPatterns(),
            "",
            "hosts that may be chosen; without it any public one, but none where a credential of the deployment would go there",
        )
    )
    allow_http: bool = held(Setting("UPSTREAM_BASE_ALLOW_HTTP", Flag(), "false", "http too may be chosen"))
    allow_private: bool = held(
        Setting(
            "UPSTREAM_BASE_ALLOW_PRIVATE",
            Flag(),
            "false",
            "hosts with private, loopback and other addresses that are not public may be chosen, too",
        )
    )
