"""The settings of a channel's processes, and in which both channels differ. Pure; secrets are masked before they come here."""

from collections.abc import Mapping, Sequence

ChannelSettings = dict[str, tuple[str, ...]]
"""Name -> the values of the channel's processes, each once, sorted. Empty text: the setting has no value."""


def settings_of(processes: Sequence[Mapping[str, str]]) -> ChannelSettings:
    """Those of a channel.

    Args:
        processes: name -> value, of each of them. One of another version may lack names.
    """
    names = dict.fromkeys(name for shown in processes for name in shown)
    return {name: tuple(sorted({shown[name] for shown in processes if name in shown})) for name in names}


def differences_of(
    stable: ChannelSettings, canary: ChannelSettings
) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Name -> the values of stable and of the canary, where they are not the same. A channel without a name has none."""
    names = dict.fromkeys((*stable, *canary))
    return {
        name: (stable.get(name, ()), canary.get(name, ()))
        for name in names
        if stable.get(name) != canary.get(name)
    }
