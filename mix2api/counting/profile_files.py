"""The profiles that hold now: from a setting and a TOML file, read again when the file changes or on SIGHUP.

A change is for new requests: whoever took a table keeps it for the turn. A bad file changes nothing: it is refused with its
name and a line, and the profiles from before stay.
"""

import re
import signal
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import trio
from attrs import define, field, frozen

from mix2api.budget.profile import Defaults, Origin
from mix2api.budget.profile_lines import line_of
from mix2api.budget.profile_reading import Mistake, ReadProfiles, read_profiles
from mix2api.budget.profiles import ProfileTable, table_of
from mix2api.errors import ConfigurationError

_LOOK_S: Final = 2.0
"""Between two looks at the file: a `stat`, which costs some microseconds."""
_FILE_BYTES_MAX: Final = 1 << 20
"""Of the file. A thousand models need 200 kB."""
_LINE: Final = re.compile(r"line (\d+)")
SETTING: Final = "MODEL_PROFILE_JSON"


@frozen(kw_only=True)
class ProfileSources:
    """Where profiles come from."""

    defaults: Defaults = field(factory=Defaults)
    said: Mapping[str, object] | None = None
    """`MODEL_PROFILE_JSON`."""
    file: Path | None = None
    """`MIX2API_MODEL_PROFILES_FILE`; its profiles replace those of the setting that have the same name."""


class ProfilesRefused(Exception):
    """The profiles cannot be used. The text has a line for each mistake, and no secret."""


def load_profiles(sources: ProfileSources) -> ProfileTable:
    """The table of all sources.

    Raises:
        ProfilesRefused: a mistake in either; nothing of it is used.
    """
    said = read_profiles(sources.said or {}, Origin.SETTING)
    lines = [f"{SETTING}: {mistake}" for mistake in said.mistakes]
    filed = ReadProfiles()
    if sources.file is not None:
        text = _text(sources.file)
        filed = read_profiles(_toml(sources.file, text), Origin.FILE)
        lines += [_line(sources.file, text, mistake) for mistake in filed.mistakes]
    if lines:
        raise ProfilesRefused("\n".join(lines))
    return table_of((*said.profiles, *filed.profiles), sources.defaults)


def _line(path: Path, text: str, mistake: Mistake) -> str:
    return f"{path} line {line_of(text, mistake)}: {mistake}"


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES_MAX + 1)
    except OSError as fault:
        raise ProfilesRefused(f"{path} cannot be read: {fault.strerror}") from fault
    if len(data) > _FILE_BYTES_MAX:
        raise ProfilesRefused(f"{path} is larger than {_FILE_BYTES_MAX} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise ProfilesRefused(f"{path} line {line}: this is not UTF-8") from None


def _toml(path: Path, text: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        why, _, place = str(fault).rpartition(" (at ")
        found = _LINE.match(place)
        line = int(found[1]) if found is not None else text.count("\n") + 1  # "at end of document"
        raise ProfilesRefused(f"{path} line {line}: this is not TOML: {why}") from None
    except RecursionError:
        raise ProfilesRefused(f"{path}: this is nested too deeply") from None


_FileState = tuple[int, int, int]
"""Time of the last change in ns, size in bytes, inode: an editor may replace a file, or write it twice in one second."""


def _state_of(file: Path | None) -> _FileState | None:
    """None: there is no file, or it is not there."""
    if file is None:
        return None
    try:
        seen = file.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


@define(eq=False)
class Profiles:
    """The table that holds now. `refused` says that the newest file does not."""

    sources: ProfileSources
    table: ProfileTable
    can_count: Callable[[str], bool]
    """Whether an encoding is loaded: a file that names another one is refused."""
    refused: str | None = field(default=None, init=False)
    """Why the newest file does not count, for `/health`."""
    _seen: _FileState | None = field(default=None, init=False)

    @classmethod
    def load(cls, sources: ProfileSources, can_count: Callable[[str], bool]) -> "Profiles":
        """The profiles at the start of a process.

        Raises:
            ConfigurationError: a line for each mistake.
        """
        seen = _state_of(sources.file)  # before it is read: a change in between is not to be missed
        try:
            made = cls(sources, load_profiles(sources), can_count)
        except ProfilesRefused as refusal:
            raise ConfigurationError(str(refusal)) from None
        made._seen = seen
        return made

    def reload(self) -> bool:
        """Reads all again. True: another table holds now. False: see `refused`, or nothing is different."""
        self._seen = _state_of(self.sources.file)
        try:
            table = load_profiles(self.sources)
        except ProfilesRefused as refusal:
            self.refused = str(refusal)
            return False
        unloaded = sorted(name for name in table.encodings if not self.can_count(name))
        if unloaded:
            self.refused = f"{self.sources.file}: encoding {', '.join(unloaded)} is not loaded in this process: restart it"
            return False
        self.refused = None
        changed = table != self.table
        self.table = table
        return changed

    @property
    def has_changed(self) -> bool:
        """Whether the file is another than at the last reading."""
        return _state_of(self.sources.file) != self._seen

    async def watch(self, on_reload: Callable[[], None], look_s: float = _LOOK_S) -> None:
        """Reloads when the file changes. A broken or missing file is told once, until it changes again.

        Args:
            on_reload: called after each reading, to log what came of it.
            look_s: seconds between two looks.
        """
        while True:
            await trio.sleep(look_s)
            if self.has_changed:
                self.reload()
                on_reload()

    async def reload_on_hangup(
        self, on_reload: Callable[[], None], task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Reloads at each SIGHUP, whether the file changed or not. Main thread only; started once it listens."""
        with trio.open_signal_receiver(signal.SIGHUP) as signals:
            task_status.started()
            async for _ in signals:
                self.reload()
                on_reload()
