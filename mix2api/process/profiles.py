"""Profiles and budgets of a running process: made before anything is served. Profiles are read again when the file changes."""

from collections.abc import Callable
from functools import partial
from operator import attrgetter

from structlog.typing import FilteringBoundLogger

from mix2api.actors.budgets import Budgets
from mix2api.counting.profile_files import Profiles
from mix2api.counting.shipped import Tokenizers, load_tokenizers
from mix2api.process.groups import budget_options, profile_sources
from mix2api.settings import Settings, TokenizerKind
from mix2api.upstreams.kept import Keeps


def start_profiles(settings: Settings, logger: FilteringBoundLogger) -> Profiles:
    """The profiles of a process that starts, told in its log.

    Raises:
        ConfigurationError: a line for each mistake, with its file and line.
    """
    profiles = Profiles.load(profile_sources(settings), can_count=lambda _: True)
    tell_of_profiles(profiles, logger)
    return profiles


def start_budgets(
    settings: Settings,
    profiles: Profiles,
    keeps: Keeps,
    name_of: Callable[[str], str],
    on_fallback: Callable[[str], None],
) -> Budgets | None:
    """The budgets of a worker; None where turns are not counted. Loads vocabularies, which takes up to a second.

    Args:
        settings: the process's.
        profiles: from now on a file that needs another vocabulary is refused.
        keeps: what the site of a turn keeps of it.
        name_of: a model as events have it.
        on_fallback: told once of each model without a profile.
    """
    if not settings.budget.enabled:
        return None
    tokenizers = Tokenizers()
    if settings.budget.tokenizer is TokenizerKind.TIKTOKEN:
        tokenizers = load_tokenizers(profiles.table.encodings)
    profiles.can_count = tokenizers.can_count
    return Budgets(
        options=budget_options(settings),
        table=partial(attrgetter("table"), profiles),
        tokenizers=tokenizers,
        keeps=keeps,
        name_of=name_of,
        on_fallback=on_fallback,
    )


def tell_of_profiles(profiles: Profiles, logger: FilteringBoundLogger) -> None:
    """Logs what came of a reading, under the earlier adapter's names."""
    if profiles.refused is not None:
        logger.warning("model.profile.invalid", why=profiles.refused)
        return
    for line in profiles.table.warnings:
        logger.warning("model.profile.adjusted", why=line)
    logger.info("model.profile", profiles=len(profiles.table.named) + len(profiles.table.patterns))
