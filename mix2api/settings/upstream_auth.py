"""Group of the upstream's credential: whose it is, and how a managed one is fetched."""

# ruff: noqa: RUF009 - `held` is the groups' own field specifier: attrs makes the fields of what it gives

from collections.abc import Mapping

from attrs import frozen

from mix2api.settings.address_readers import HeaderMap, HttpUrl, UrlPath
from mix2api.settings.bounds import DAY_MS
from mix2api.settings.choices import TokenMethod, UpstreamAuthMode
from mix2api.settings.readers import Choice, HeaderText, JsonBody, Text, Whole
from mix2api.settings.setting import Setting, held


@frozen(kw_only=True)
class UpstreamAuth:
    """Whose credential goes upstream."""

    mode: UpstreamAuthMode = held(
        Setting(
            "UPSTREAM_AUTH_MODE",
            Choice(UpstreamAuthMode),
            "static",
            "`static`: `UPSTREAM_BEARER_TOKEN`; `managed`: a token that is fetched, shared by all processes and renewed; "
            "`pass_through`: the caller's own; `none`: no credential",
        )
    )
    bearer_token: str | None = held(
        Setting(
            "UPSTREAM_BEARER_TOKEN",
            HeaderText(),
            "",
            "credential for `static`; without it none is sent",
            secret=True,
        )
    )
    token_url: str | None = held(
        Setting(
            "UPSTREAM_TOKEN_URL",
            HttpUrl(query=True),
            "",
            "token endpoint of `managed`; without it `UPSTREAM_API_BASE` and `UPSTREAM_TOKEN_PATH`",
        )
    )
    token_path: str = held(
        Setting("UPSTREAM_TOKEN_PATH", UrlPath(), "/v2/token", "the endpoint's path below the base URL")
    )
    token_method: TokenMethod = held(
        Setting("UPSTREAM_TOKEN_METHOD", Choice(TokenMethod), "POST", "method of the login")
    )
    token_headers: Mapping[str, str] | None = held(
        Setting("UPSTREAM_TOKEN_HEADERS_JSON", HeaderMap(), "", "headers of the login", secret=True)
    )
    token_body: Mapping[str, object] | str | None = held(
        Setting("UPSTREAM_TOKEN_BODY_JSON", JsonBody(), "", "body of the login", secret=True)
    )
    token_field: str = held(
        Setting(
            "UPSTREAM_TOKEN_FIELD",
            Text(128),
            "access_token",
            "where the token stands in the answer, else `access_token`, `token`, `id_token`; a dot leads into an object",
        )
    )
    expires_in_field: str = held(
        Setting(
            "UPSTREAM_TOKEN_EXPIRES_IN_FIELD",
            Text(128),
            "expires_in",
            "where its life in seconds stands, else `expiresAt` (ms) or the `exp` of a JWT",
        )
    )
    token_timeout_ms: int = held(
        Setting(
            "UPSTREAM_TOKEN_TIMEOUT_MS",
            Whole(1, 600_000),
            "10000",
            "longest that a login may take",
            unit="ms",
        )
    )
    expiry_skew_ms: int = held(
        Setting(
            "UPSTREAM_TOKEN_EXPIRY_SKEW_MS",
            Whole(0, DAY_MS),
            "60000",
            "how long before its expiry a token is renewed; at most half of its life",
            unit="ms",
        )
    )
    recovery_retries: int = held(
        Setting(
            "UPSTREAM_AUTH_RECOVERY_RETRY",
            Whole(0, 5),
            "1",
            "repeats of a call with a new token after the site refused the old one",
        )
    )

    @property
    def sends_own(self) -> bool:
        """Whether a credential of the deployment goes to the site."""
        static = self.mode is UpstreamAuthMode.STATIC and self.bearer_token is not None
        return static or self.mode is UpstreamAuthMode.MANAGED
