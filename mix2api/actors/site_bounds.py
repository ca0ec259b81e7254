"""How much of everything a site may put into one run. Pure. `docs/limits.md` has the table.

What a site's HTTP client bounds by itself (heads, frames, bytes off the connection) is not repeated here.
"""

from typing import Final

from mix2api.vocabulary import Detail

ANSWER_BYTES: Final = 32 * 1024 * 1024
"""UTF-8 bytes of an answer's content (`MIX2API_ANSWER_MAX_BYTES`): some forty times the longest output of any model."""
ID_BYTES: Final = 512
"""UTF-8 bytes of the site's session and exchange ids: real ones are UUIDs. They are sealed into the log and the snapshot."""
CALL_ID_BYTES: Final = 8192
"""UTF-8 bytes of the site's id of a tool call. Some sites put a signed state of theirs into it, of 1 to 2 kB."""
ENTRIES_MAX: Final = 1000
"""Log entries that a site's frames may force: new ids, and changes between text, reasoning and tool input. A long agent's
answer has some 200. Entries that time makes (`MIX2API_CHUNK_WINDOW_MS`) are not counted."""
EMPTY_FRAMES_MAX: Final = 100_000
"""Frames without content. Some sites send an empty delta for every token of reasoning that they hide: 100,000 is a long
thought, and 0.2 s of this process's time."""
EXCEEDED: Final = {
    Detail.TOO_LARGE: "the upstream's answer, or an id in it, is too large",
    Detail.TOO_MANY: "the upstream sent too many frames without content, or too many changes",
}
"""What is said of a site that passed a bound."""
