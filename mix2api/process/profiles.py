"""Profiles of a running process: read before anything is served, read again on SIGHUP or when the file changes."""

from structlog.typing import FilteringBoundLogger

from mix2api.counting.profile_files import Profiles
from mix2api.process.groups import profile_sources
from mix2api.settings import Settings


def start_profiles(settings: Settings, logger: FilteringBoundLogger) -> Profiles:
    """The profiles of a process that starts, told in its log.

    Raises:
        ConfigurationError: a line for each mistake, with its file and line.
    """
    profiles = Profiles.load(profile_sources(settings), can_count=lambda _: True)  # turns are not counted yet
    tell_of_profiles(profiles, logger)
    return profiles


def tell_of_profiles(profiles: Profiles, logger: FilteringBoundLogger) -> None:
    """Logs what came of a reading, under the earlier adapter's names."""
    if profiles.refused is not None:
        logger.warning("model.profile.invalid", why=profiles.refused)
        return
    for line in profiles.table.warnings:
        logger.warning("model.profile.adjusted", why=line)
    logger.info("model.profile", profiles=len(profiles.table.named) + len(profiles.table.patterns))
