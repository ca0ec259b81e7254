"""Groups of the upstream, whatever its kind: where it is, and how long it may take."""

# ruff: noqa: RUF009 - `held` is the groups' own field specifier: attrs makes the fields of what it gives

from pathlib import Path

from attrs import frozen

from mix2api.settings.address_readers import HttpUrl
from mix2api.settings.bounds import DAY_MS, WAIT_MS
from mix2api.settings.choices import UpstreamKind
from mix2api.settings.readers import Choice, Flag, Place, Size, Whole
from mix2api.settings.setting import Setting, held


@frozen(kw_only=True)
class Site:
    """The upstream: its kind, and where it is."""

    kind: UpstreamKind = held(
        Setting(
            "MIX2API_UPSTREAM",
            Choice(UpstreamKind),
            "mix",
            "kind of upstream",
        )
    )
    api_base: str | None = held(Setting("UPSTREAM_API_BASE", HttpUrl(), "", "base URL of the site"))
    upstreams_file: Path | None = held(
        Setting(
            "MIX2API_UPSTREAMS_FILE",
            Place(),
            "",
            "TOML file of several upstreams by model prefix (`docs/upstreams.md`), instead of the two settings above",
        )
    )


@frozen(kw_only=True)
class Network:
    """Waits and retries of calls to the upstream."""

    connect_timeout_ms: int = held(
        Setting(
            "MIX2API_UPSTREAM_CONNECT_TIMEOUT_MS", WAIT_MS, "10000", "connecting, TLS included", unit="ms"
        )
    )
    first_byte_timeout_ms: int = held(
        Setting(
            "MIX2API_UPSTREAM_FIRST_BYTE_TIMEOUT_MS",
            Whole(0, DAY_MS),
            "0",
            "until the answer's head; 0: as `UPSTREAM_TIMEOUT_MS`",
            unit="ms",
        )
    )
    idle_timeout_ms: int = held(
        Setting(
            "UPSTREAM_TIMEOUT_MS",
            WAIT_MS,
            "180000",
            "between two pieces of the answer, and until the first",
            unit="ms",
        )
    )
    total_timeout_ms: int = held(
        Setting(
            "MIX2API_UPSTREAM_TOTAL_TIMEOUT_MS",
            Whole(0, DAY_MS),
            "1800000",
            "the whole answer; waits for a slow client are not counted; 0: no limit",
            unit="ms",
        )
    )
    silence_timeout_ms: int = held(
        Setting(
            "MIX2API_UPSTREAM_SILENCE_TIMEOUT_MS",
            Whole(0, DAY_MS),
            "600000",
            "without text, reasoning or a tool call, whatever else the site sends meanwhile; 0: no limit",
            unit="ms",
        )
    )
    answer_max_bytes: int = held(
        Setting(
            "MIX2API_ANSWER_MAX_BYTES",
            Size(1 << 16, 1 << 30),
            "32mb",
            "largest answer of the site, as it comes off the connection; its content alone is bounded by the same",
            unit="bytes",
        )
    )
    retry_count: int = held(
        Setting(
            "UPSTREAM_RETRY_COUNT",
            Whole(0, 100),
            "0",
            "repeats of a call with which nothing can have happened",
        )
    )
    retry_base_ms: int = held(
        Setting(
            "UPSTREAM_RETRY_BASE_MS",
            Whole(0, 60_000),
            "250",
            "pause before the first repeat; doubles",
            unit="ms",
        )
    )
    keep_alive: bool = held(
        Setting("UPSTREAM_KEEP_ALIVE", Flag(), "true", "connections to the site are used again")
    )
    ca_file: Path | None = held(
        Setting(
            "MIX2API_UPSTREAM_CA_FILE",
            Place(),
            "",
            "PEM file of the authorities that the site's certificate may have",
        )
    )

    @property
    def first_byte_ms(self) -> int:
        """The wait for the answer's head, in ms, with the rule for 0 applied."""
        return self.first_byte_timeout_ms or self.idle_timeout_ms
