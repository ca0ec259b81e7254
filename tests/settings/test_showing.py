"""What an operator sees of the settings."""

from pathlib import Path

from mix2api.settings import EffectiveRow, Source, effective, load_settings, render_docs
from mix2api.settings.loading import KNOWN

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_documentation_is_current() -> None:
    """If it is not: `mix2api settings --docs > docs/settings.md`."""
    assert DOCS.read_text(encoding="utf-8") == render_docs()


def test_every_name_is_documented_once() -> None:
    docs = render_docs()
    for name in KNOWN:
        assert docs.count(f"\n| `{name}` |") == 1


def test_tables_are_not_broken_by_what_stands_in_them() -> None:
    for line in render_docs().splitlines():
        if line.startswith("|"):
            assert line.count("|") == 5


def test_the_effective_settings_say_where_they_come_from_and_mask_secrets() -> None:
    settings = load_settings(
        {"PORT": "80", "MIX2API_SECRET": "planted-planted-planted", "REDIS_URL": "redis://:planted@r:1/2"},
        'UPSTREAM_API_BASE=http://site\nPORT=81\nUPSTREAM_TOKEN_BODY_JSON={"a": "planted"}\n',
    )
    rows = effective(settings)
    assert [row.name for row in rows] == list(KNOWN)
    assert EffectiveRow("PORT", "80", Source.ENVIRONMENT) in rows
    assert EffectiveRow("UPSTREAM_API_BASE", "http://site", Source.FILE) in rows
    assert EffectiveRow("MIX2API_SECRET", "[redacted]", Source.ENVIRONMENT) in rows
    assert EffectiveRow("REDIS_URL", "redis://[redacted]@r:1/2", Source.ENVIRONMENT) in rows
    assert EffectiveRow("UPSTREAM_TOKEN_BODY_JSON", "[redacted]", Source.FILE) in rows
    assert EffectiveRow("MIX2API_SHARDS", "256", Source.DEFAULT) in rows
    assert EffectiveRow("INBOUND_BEARER_TOKEN", "", Source.DEFAULT) in rows
    assert "planted" not in repr(rows)
