"""Headers for the collector are read as OpenTelemetry writes them."""

import pytest

from mix2api.settings.telemetry import HeaderPairs


def test_pairs_are_header_fields() -> None:
    assert HeaderPairs().read("Api-Key=a%20key, x-tenant=1") == {"api-key": "a key", "x-tenant": "1"}


@pytest.mark.parametrize("text", ["api-key", "a=1,a=2", "a b=1", "a=%0d%0aevil", "a="])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        HeaderPairs().read(text)
