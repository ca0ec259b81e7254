"""What is known of one setting, and how a group's field holds one. The documentation is made of the same facts."""

from typing import Any, Final

import attrs
from attrs import field, frozen

from mix2api.redaction import MASK, redact_url
from mix2api.settings.address_readers import HttpUrl, RedisUrl
from mix2api.settings.readers import Reader

_KEY: Final = "setting"


@frozen
class Setting:
    """One name that the environment or `.env` may give.

    It takes effect.
    """

    name: str
    reader: Reader[object]
    default: str
    """As text, read by the same reader; empty means that there is no value (`None`)."""
    meaning: str
    unit: str = field(default="", kw_only=True)
    secret: bool = field(default=False, kw_only=True)
    """Never shown, neither in errors nor by `mix2api settings`."""

    def value(self, text: str) -> object:
        """The typed value; `None` if there is neither text nor default.

        Raises:
            ValueError: the text is not what `reader.allowed` says.
        """
        chosen = text or self.default
        return self.reader.read(chosen) if chosen else None

    @property
    def default_value(self) -> object:
        """The typed default."""
        return self.value("")

    def shown(self, text: str) -> str:
        """The text as an operator may see it."""
        if not text:
            return ""
        if isinstance(self.reader, RedisUrl | HttpUrl):
            return redact_url(text)
        return MASK if self.secret else text


def held(setting: Setting) -> Any:
    """The field of a frozen group that holds the setting; its default is the setting's."""
    return field(default=setting.default_value, repr=not setting.secret, metadata={_KEY: setting})


def settings_of(group: type) -> dict[str, Setting]:
    """Field name -> setting, in the order of the group's fields."""
    fields: tuple[attrs.Attribute[object], ...] = attrs.fields(group)
    return {one.name: one.metadata[_KEY] for one in fields if _KEY in one.metadata}
