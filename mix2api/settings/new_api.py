"""The group of the gateway in front: whose channel weights follow a release (ADR 102)."""

from typing import Final

from attrs import frozen

from mix2api.settings.address_readers import HttpUrl
from mix2api.settings.readers import HeaderText, Whole
from mix2api.settings.setting import Setting, held

_MOST: Final = 2_147_483_647
"""Ids of new-api are numbers of its database."""


@frozen(kw_only=True)
class NewApiGateway:
    """new-api's channel weights, which follow a release."""

    url: str | None = held(
        Setting(
            "NEWAPI_URL",
            HttpUrl(),
            "",
            "new-api's address: the weights of its two channels follow each step and rollback; empty: nobody tells it",
        )
    )
    token: str | None = held(
        Setting("NEWAPI_TOKEN", HeaderText(), "", "access token of an administrator of new-api", secret=True)
    )
    user: int = held(
        Setting("NEWAPI_USER", Whole(1, _MOST), "1", "id of that administrator (`New-Api-User`)")
    )
    stable_channel: int | None = held(
        Setting("NEWAPI_STABLE_CHANNEL", Whole(1, _MOST), "", "id of the channel of the stable edges")
    )
    canary_channel: int | None = held(
        Setting("NEWAPI_CANARY_CHANNEL", Whole(1, _MOST), "", "id of the channel of the canary's edges")
    )

    def lacking(self) -> tuple[str, ...]:
        """The names that are not set, and without which the URL has no use."""
        if self.url is None:
            return ()
        needed = {
            "NEWAPI_TOKEN": self.token,
            "NEWAPI_STABLE_CHANNEL": self.stable_channel,
            "NEWAPI_CANARY_CHANNEL": self.canary_channel,
        }
        return tuple(name for name, value in needed.items() if value is None)
