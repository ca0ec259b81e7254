"""Images are counted by their rule and their size, and by the most that a rule gives where the size is not known."""

import base64
import struct
from typing import Any

import pytest

from mix2api.budget.image_size import size_of
from mix2api.budget.images import ImageRule, image_tokens

REST = b"\0" * 40


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + REST


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + REST


def webp(kind: bytes, body: bytes) -> bytes:
    return b"RIFF\0\0\0\0WEBP" + kind + struct.pack("<I", len(body)) + body + REST


def lossy(width: int, height: int) -> bytes:
    return webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width | 0x4000, height))


def lossless(width: int, height: int) -> bytes:
    return webp(b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14))


def extended(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(b"VP8X", b"\0\0\0\0" + sides)


def jpeg(width: int, height: int, before: bytes = b"") -> bytes:
    frame = struct.pack(">HBHHB", 17, 8, height, width, 3)
    return b"\xff\xd8\xff\xe0" + struct.pack(">H", 16) + b"\0" * 14 + before + b"\xff\xc2" + frame + REST


TABLES = b"\xff\xc4\x00\x05abc"
FILL = b"\xff\xff\xff\xdb\x00\x03a"


def url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


SIZES = {
    "png": png,
    "gif": gif,
    "webp, lossy": lossy,
    "webp, lossless": lossless,
    "webp, extended": extended,
    "jpeg": jpeg,
    "jpeg with tables": lambda width, height: jpeg(width, height, TABLES),
    "jpeg with fill bytes": lambda width, height: jpeg(width, height, FILL),
}


@pytest.mark.parametrize("form", SIZES)
def test_a_size_is_read_from_the_first_bytes(form: str) -> None:
    made = SIZES[form](1920, 1080)
    assert size_of(url(made)) == (1920, 1080)
    assert size_of(url(made + b"x" * 500_000)) == (1920, 1080)


UNKNOWN = {
    "a link": "https://site.example/a.png",
    "not base64": "data:image/png,abc",
    "broken base64": "data:image/png;base64,abc",
    "base64 of half a byte": "data:image/png;base64," + "é" * 64,
    "too short": url(b"\x89PNG\r\n\x1a\n"),
    "another format": url(b"BM" + REST),
    "another webp": url(webp(b"ABCD", REST)),
    "jpeg without a frame": url(b"\xff\xd8" + b"\xff\xe0\x00\x10" + b"\0" * 14 + b"\xff\xe1\xff\xff" + REST),
    "jpeg that is none": url(b"\xff\xd8" + REST),
    "no pixels": url(png(0, 10)),
    "nothing": "",
}


@pytest.mark.parametrize("form", UNKNOWN)
def test_what_cannot_be_read_has_no_size(form: str) -> None:
    assert size_of(UNKNOWN[form]) is None


def part(image: Any, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": image, **more}}


OPENAI = ImageRule.parse("openai")
ANTHROPIC = ImageRule.parse("anthropic")


def test_openai_counts_tiles() -> None:
    # The examples of the guide.
    assert image_tokens(part(url(png(1024, 1024)), detail="high"), OPENAI) == 765
    assert image_tokens(part(url(png(2048, 4096))), OPENAI) == 1105
    assert image_tokens(part(url(png(4096, 8192)), detail="low"), OPENAI) == 85
    assert image_tokens(part(url(png(10, 10))), OPENAI) == 255
    assert image_tokens(part(url(png(2048, 10))), OPENAI) == 85 + 4 * 170


def test_openai_counts_an_unknown_size_as_the_largest() -> None:
    assert image_tokens(part("https://a.example/x"), OPENAI) == 85 + 8 * 170
    assert image_tokens({"type": "input_image", "image_url": url(png(1024, 1024))}, OPENAI) == 765
    assert image_tokens({"type": "input_image", "image_url": "x", "detail": "low"}, OPENAI) == 85
    assert image_tokens({"type": "image", "source": {}}, OPENAI) == 85 + 8 * 170
    assert (
        max(image_tokens(part(url(png(w, h))), OPENAI) for w in (1, 768, 9999) for h in (1, 2048, 9999))
        <= 1445
    )


def test_anthropic_counts_pixels() -> None:
    assert image_tokens(part(url(png(1000, 1000))), ANTHROPIC) == 1334
    assert image_tokens(part(url(png(1, 1))), ANTHROPIC) == 1
    assert image_tokens(part(url(png(9000, 9000))), ANTHROPIC) == 1640
    assert image_tokens(part("https://a.example/x"), ANTHROPIC) == 1640


def test_a_number_is_the_count_of_every_image() -> None:
    rule = ImageRule.parse(300)
    assert image_tokens(part("https://a.example/x"), rule) == 300
    assert [str(each) for each in (rule, OPENAI, ANTHROPIC)] == ["300", "openai", "anthropic"]


@pytest.mark.parametrize("value", ["fixed", "big", -1, True, 1.5, None, 10**7, []])
def test_other_rules_are_not_allowed(value: object) -> None:
    assert not ImageRule.is_allowed(value)


@pytest.mark.parametrize("value", ["openai", "anthropic", 0, 300])
def test_rules_are_allowed(value: object) -> None:
    assert ImageRule.is_allowed(value)
