"""Settings reach the options of the parts that they are for."""

from pathlib import Path

from mix2api.actors.budgets import SummaryAsk
from mix2api.budget.profile import Defaults
from mix2api.budget.summary import SummaryBounds
from mix2api.budget.trimming import TrimOptions
from mix2api.counting.profile_files import ProfileSources
from mix2api.process.groups import budget_options, profile_sources, trim_options
from mix2api.settings import load_settings


def test_profiles_come_from_their_settings() -> None:
    settings = load_settings(
        {
            "MODEL_PROFILE_JSON": '{"m": {}}',
            "MIX2API_MODEL_PROFILES_FILE": "models.toml",
            "MODEL_PROFILE_DEFAULT_CONTEXT_WINDOW": "7",
            "MODEL_PROFILE_DEFAULT_MAX_INPUT_TOKENS": "6",
            "MODEL_PROFILE_DEFAULT_MAX_NEW_TOKENS": "5",
        },
        None,
    )
    assert profile_sources(settings) == ProfileSources(
        defaults=Defaults(context_window=7, max_input_tokens=6, max_new_tokens=5),
        said={"m": {}},
        file=Path("models.toml"),
    )
    assert profile_sources(load_settings({}, None)) == ProfileSources()


def test_trimming_has_its_settings() -> None:
    given = {
        "BUDGET_TRIM_RECENT_MESSAGES": "3",
        "BUDGET_TRIM_MESSAGE_MAX_CHARS": "99",
        "MIX2API_BUDGET_HEADROOM": "0.5",
        "BUDGET_HISTORY_SUMMARY_MAX_CHARS": "77",
        "BUDGET_HISTORY_SUMMARY_MAX_LINES": "4",
    }
    plain = TrimOptions(recent_messages=3, message_max_chars=99, headroom=0.5)
    assert trim_options(load_settings(given, None)) == plain
    summed = trim_options(load_settings(given | {"BUDGET_HISTORY_SUMMARY_ENABLED": "true"}, None))
    assert summed.summary == SummaryBounds(max_chars=77, max_lines=4)
    assert trim_options(load_settings({}, None)) == TrimOptions()


def test_a_model_is_asked_for_summaries_only_where_summaries_are_wanted() -> None:
    asked = {
        "MIX2API_BUDGET_SUMMARY": "model",
        "MIX2API_BUDGET_SUMMARY_TIMEOUT_MS": "1500",
        "MIX2API_BUDGET_SUMMARY_INPUT_TOKENS": "99",
    }
    wanted = {"BUDGET_HISTORY_SUMMARY_ENABLED": "true"}
    assert budget_options(load_settings(asked | wanted, None)).ask == SummaryAsk(
        timeout_s=1.5, input_tokens=99
    )
    assert budget_options(load_settings(asked, None)).ask is None
    assert budget_options(load_settings(wanted, None)).ask is None
