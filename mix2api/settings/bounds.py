"""Bounds that several settings share."""

from typing import Final

from mix2api.settings.readers import Whole

DAY_S: Final = 86_400
DAY_MS: Final = 86_400_000
WAIT_MS: Final = Whole(1, DAY_MS)
"""A wait always has a deadline, and none needs to be longer than a day."""
