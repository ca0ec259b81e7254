"""The settings of both channels, side by side."""

from mix2api.release.channel_settings import differences_of, settings_of

STABLE = settings_of([{"PORT": "3100", "A": "1", "OLD": "x"}, {"PORT": "3101", "A": "1", "OLD": "x"}])
CANARY = settings_of([{"PORT": "3100", "A": "1", "NEW": ""}])


def test_the_values_of_a_channel_stand_once_and_in_order() -> None:
    assert STABLE == {"PORT": ("3100", "3101"), "A": ("1",), "OLD": ("x",)}
    assert settings_of([]) == {}


def test_what_only_one_channel_knows_and_what_has_other_values_is_a_difference() -> None:
    assert differences_of(STABLE, CANARY) == {
        "PORT": (("3100", "3101"), ("3100",)),
        "OLD": (("x",), ()),
        "NEW": ((), ("",)),
    }
    assert differences_of(STABLE, STABLE) == {}
