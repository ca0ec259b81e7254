"""Forms of values: what is read and what is refused."""

from pathlib import Path

import pytest

from mix2api.settings.address_readers import (
    HeaderMap,
    HeaderName,
    HostPatterns,
    HttpUrl,
    Origins,
    RedisUrl,
    UrlPath,
)
from mix2api.settings.choices import StoreMode
from mix2api.settings.readers import (
    Choice,
    Flag,
    HeaderText,
    JsonObject,
    KeyPrefix,
    Names,
    Place,
    Ports,
    Reader,
    Secret,
    Share,
    Size,
    Text,
    Whole,
)

READ: list[tuple[Reader[object], str, object]] = [
    (Text(3), "abc", "abc"),
    (HeaderText(), "a b", "a b"),
    (Secret(4), "äöx", "äöx".encode()),
    (Flag(), "On", True),
    (Flag(), "0", False),
    (Whole(-1, 5), "-1", -1),
    (Whole(0, 5), "005", 5),
    (Ports(), "0", range(1)),
    (Ports(), "9464-9466", range(9464, 9467)),
    (Share(), "0.25", 0.25),
    (Share(most=0.9), "0.9", 0.9),
    (Size(1, 1 << 40), "5mb", 5 << 20),
    (Size(1, 1 << 40), "1.5 KB", 1536),
    (Size(1, 1 << 40), "100b", 100),
    (Size(1, 1 << 40), "2gb", 2 << 30),
    (Size(1, 1 << 40), "4096", 4096),
    (Choice(StoreMode), "Redis", StoreMode.REDIS),
    (Names(), " a ,b,, a", ("a", "b")),
    (JsonObject(), '{"a": [1, null]}', {"a": [1, None]}),
    (HttpUrl(), "http://[::1]:80/a//", "http://[::1]:80/a"),
    (HttpUrl(query=True), "https://x/token?a=1", "https://x/token?a=1"),
    (RedisUrl(), "unix:///run/r.sock?db=1", "unix:///run/r.sock?db=1"),
    (UrlPath(), "/v2/chats", "/v2/chats"),
    (UrlPath(), "v2/chats", "/v2/chats"),
    (HeaderName(), "X-Session-Key", "x-session-key"),
    (HeaderMap(), '{"X-Key": "a b", "y": "1"}', {"x-key": "a b", "y": "1"}),
    (HostPatterns(), "A.example, *.b.example:80,*", ("a.example", "*.b.example:80", "*")),
    (HostPatterns(), "127.0.0.1:1,[::1],localhost", ("127.0.0.1:1", "[::1]", "localhost")),
    (
        Origins(),
        "https://A.example/, http://localhost:5173,*",
        ("https://a.example", "http://localhost:5173", "*"),
    ),
    (Origins(), "app://obsidian.md,http://[::1]:80", ("app://obsidian.md", "http://[::1]:80")),
    (KeyPrefix(), "mix2api:session", "mix2api"),
    (KeyPrefix(), "a.b-c_1", "a.b-c_1"),
    (Place(), "/a/b", Path("/a/b")),
]
REFUSED: list[tuple[Reader[object], list[str]]] = [
    (
        HeaderMap(),
        ["[]", '{"a": 1}', '{"a b": "c"}', '{"a": "b\\r\\nc"}', '{"Host": "x"}', '{"A": "1", "a": "2"}', "x"],
    ),
    (
        HostPatterns(),
        ["https://a.example", "a.*.example", "a..example", "a/b", "a:b", "-a.example", "*a.example"],
    ),
    (Origins(), ["a.example", "https://a.example/path", "https://*.example", "https://a:b", "null"]),
    (Text(3), ["abcd", "a\nb", "\x1b"]),
    (HeaderText(), ["a\r\nb", "é", "a" * 8193]),
    (Secret(4), ["äx"]),
    (Flag(), ["flase", "tru", "2", "None"]),
    (Flag(words=("0", "1", "true", "false")), ["yes", "off"]),
    (Whole(0, 5), ["6", "-1", "1.0", "1e3", "٣", "1_0", "0x1", "9" * 5000]),
    (Share(most=0.9), ["0.91", "-0.1"]),
    (Share(), ["1.1", "-0.1", "nan", "inf", "half"]),
    (Ports(), ["", "-1", "70000", "5-4", "1-70000", "a", "1-2-3", "1 - 2"]),
    (Size(10, 1 << 20), ["9", "2mb", "5m", "-5mb", "mb", "1e3", "9" * 5000, "5 pb"]),
    (Choice(StoreMode), ["file"]),
    (Names(), [",", "a\nb", "a" * 257]),
    (JsonObject(), ["[1]", "1", "{", "null", "{'a': 1}"]),
    (
        HttpUrl(),
        [
            *("ftp://x", "x", "http://", "http:///a", "//x", "http://x:0", "http://x:99999", "http://x:y"),
            *("http://u:p@x", "http://x?a=1", "http://x#a", "http://x y", "http://[::1"),
        ],
    ),
    (RedisUrl(), ["http://x", "redis:x", "redis://", "redis://a b"]),
    (UrlPath(), ["http://x", "/a?b", "/a b"]),
    (HeaderName(), ["a b", "a:b", "é", "a" * 65]),
    (KeyPrefix(), [":a", "a b", "{a}", "a" * 65, "é"]),
]


@pytest.mark.parametrize(("reader", "text", "value"), READ)
def test_a_good_text_is_read(reader: Reader[object], text: str, value: object) -> None:
    assert reader.read(text) == value


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        pytest.param(reader, text, id=f"{type(reader).__name__}-{number}")
        for reader, texts in REFUSED
        for number, text in enumerate(texts)
    ],
)
def test_a_bad_text_is_refused(reader: Reader[object], text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its text is never shown
        reader.read(text)


@pytest.mark.parametrize("reader", [row[0] for row in READ], ids=lambda reader: type(reader).__name__)
def test_what_is_allowed_is_one_line_of_words(reader: Reader[object]) -> None:
    assert reader.allowed.isprintable()
    assert reader.allowed
