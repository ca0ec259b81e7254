"""Base URLs."""

import pytest

from mix2api.upstreams.http.origin import Origin, split_url


@pytest.mark.parametrize(
    ("url", "origin", "path", "host"),
    [
        ("http://site.example", Origin("http", "site.example", 80), "", "site.example"),
        ("https://site.example/", Origin("https", "site.example", 443), "", "site.example"),
        ("https://site.example:444/a/b/", Origin("https", "site.example", 444), "/a/b", "site.example:444"),
        (
            "http://b\u00fccher.example",
            Origin("http", "xn--bcher-kva.example", 80),
            "",
            "xn--bcher-kva.example",
        ),
        ("http://[::1]:80", Origin("http", "::1", 80), "", "[::1]"),
        ("HTTP://Site.Example:8080", Origin("http", "site.example", 8080), "", "site.example:8080"),
    ],
)
def test_a_url_gives_origin_path_and_host_field(url: str, origin: Origin, path: str, host: str) -> None:
    assert split_url(url) == (origin, path)
    assert origin.host_header == host


@pytest.mark.parametrize(
    "url",
    [
        "",
        "site.example",
        "ftp://a",
        "http://",
        "http://u:p@a",
        "http://a?q",
        "http://a#f",
        "http://a:99999",
        "http://a:0",
        "http://[1",
        f"http://{'x' * 70}.example",
        "http://a..example",
    ],
)
def test_what_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any text: urllib has its own
        split_url(url)
