"""Files that settings name, as texts."""

from pathlib import Path

from mix2api.errors import ConfigurationError


def text_of(path: Path, setting: str) -> str:
    """The file's content.

    Raises:
        ConfigurationError: it cannot be read, or is not UTF-8. Names setting and file.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as fault:
        raise ConfigurationError(f"{setting}: {path} cannot be read: {fault.strerror}") from fault
    except UnicodeDecodeError as fault:
        raise ConfigurationError(f"{setting}: {path} is not UTF-8") from fault
