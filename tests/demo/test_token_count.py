"""How the site counts what its sessions hold."""

import base64

import msgspec
import pytest

from mix2api.demo.contexts import Kept, SiteSession
from mix2api.demo.token_count import TokenCount, image_tokens

WORDS = TokenCount(lambda text: len(text.split()))
FOUR = TokenCount()


def kept(**fields: object) -> Kept:
    return Kept.of(msgspec.json.encode(fields))


def png(width: int, height: int) -> str:
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return f"data:image/png;base64,{base64.b64encode(head + bytes(40)).decode()}"


def test_without_a_tokenizer_four_characters_are_a_token_and_nothing_else_counts() -> None:
    session = SiteSession("s")
    session.keep([kept(role="user", content="12345")])
    assert FOUR.context(session, [kept(role="user", content="123")], [{"a": 1}]) == 2
    assert FOUR.context(None, [], ()) == 0
    assert FOUR.texts(["12", "345"]) == 2


def test_with_a_tokenizer_frames_calls_tools_and_images_count() -> None:
    session = SiteSession("s")
    session.keep([kept(role="user", content="one two")])
    assert WORDS.context(session, (), ()) == 3 + (4 + 2)
    call = {"id": "c", "function": {"name": "look", "arguments": "{ }"}}
    called = kept(role="assistant", content=None, tool_calls=[call, {"id": "custom"}])
    assert WORDS.context(None, [called], ()) == 3 + (4 + 2 * 3) + (1 + 1 + 2) + 1
    answered = kept(role="tool", tool_call_id="c", name="look", content="so it is")
    assert WORDS.context(None, [answered], [{"tool": "has three words"}]) == 3 + (4 + 1 + 1 + 3) + 3
    image = {"type": "image_url", "image_url": {"url": png(100, 100)}}
    shown = kept(role="user", content=[{"type": "text", "text": "see this"}, image])
    assert WORDS.context(None, [shown], ()) == 3 + 4 + 2 + 85 + 170


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"url": png(1024, 1024)}, 85 + 4 * 170),
        ({"url": png(2048, 4096)}, 85 + 6 * 170),
        ({"url": png(512, 512), "detail": "low"}, 85),
        ({"url": "https://example.org/a.png"}, 85 + 8 * 170),
        ({"url": png(0, 5)}, 85 + 8 * 170),
        ({"url": "data:image/png;base64,a"}, 85 + 8 * 170),
    ],
)
def test_an_image_counts_by_its_tiles(image: dict[str, str], expected: int) -> None:
    assert image_tokens(image) == expected
