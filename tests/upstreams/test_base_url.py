"""What base URLs a request may choose, and that a name is looked up once."""

from typing import Any

import pytest
import trio
from msgspec.structs import replace
from upstreams.names import Names, resolving

from mix2api.errors import InvalidRequest
from mix2api.upstreams.base_url import BaseNotAllowed, BaseUrlOptions, BaseUrls, CheckedUpstream
from mix2api.upstreams.port import Opened, UpstreamCall
from mix2api.upstreams.scripted import ScriptedUpstream
from mix2api.vocabulary import RequestId, RunId
from mix2api.wire.turn import AskedBase, ChosenBase, Turn

PUBLIC = {"api.example": ["8.8.8.8"], "site.example": ["2606:4700::1111", "8.8.4.4", "8.8.8.8"]}


async def chosen(url: str, **options: Any) -> ChosenBase:
    return await BaseUrls(BaseUrlOptions(**options)).chosen(AskedBase(url, "upstream_base_url"))


async def refused(url: str, **options: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        await chosen(url, **options)
    assert (caught.value.status, caught.value.param) == (400, "upstream_base_url")
    return caught.value.message


async def test_a_public_host_comes_with_its_addresses_family_by_family_and_sorted() -> None:
    with resolving({"site.example": ["2606:4700::1111", "8.8.8.8", "8.8.4.4"]}) as names:
        base = await chosen("HTTPS://Site.Example.:8443/api/")
        assert base == ChosenBase(
            url="https://site.example:8443/api",
            host="site.example:8443",
            addresses=("2606:4700::1111", "8.8.4.4", "8.8.8.8"),
        )
        assert names.asked == ["site.example"]


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://api.example", "https://api.example"),
        ("https://api.example:443/", "https://api.example"),
        ("https://8.8.8.8/x", "https://8.8.8.8/x"),
        ("https://[2606:4700::1111]:8443", "https://[2606:4700::1111]:8443"),
    ],
)
async def test_equal_places_have_equal_urls(url: str, normal: str) -> None:
    with resolving(PUBLIC):
        assert (await chosen(url)).url == normal


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "api.example",
        "//api.example",
        "ftp://api.example",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://user@api.example",
        "https://user:word@api.example",
        "https://api.example@8.8.8.8",
        "https://api.example\\@evil.example",
        "https://api.example?x=1",
        "https://api.example#x",
        "https://api.example:0x50",
        "https://api.example:99999",
        "https://api\n.example",
        "https://api.example/\r\nhost: evil",
        "https://api .example",
        "https://äpi.example",
        "https://api%2eexample",
        "https://[::1",
        "https://-api.example",
        "https://..",
        "https://api.example/" + "x" * 3000,
    ],
)
async def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with resolving({**PUBLIC, "evil.example": ["8.8.8.8"]}) as names:
        message = await refused(url)
        assert not url.strip() or url not in message
        assert names.asked == []


async def test_http_is_refused_unless_allowed() -> None:
    with resolving(PUBLIC):
        assert "https://" in await refused("http://api.example")
        assert (await chosen("http://api.example", allow_http=True)).url == "http://api.example"


@pytest.mark.parametrize(
    ("pattern", "url", "allowed"),
    [
        ("*", "https://api.example", True),
        ("api.example", "https://api.example:8443", True),
        ("api.example", "https://x.api.example", False),
        ("api.example", "https://notapi.example", False),
        ("api.example:8443", "https://api.example:8443", True),
        ("api.example:8443", "https://api.example", False),
        ("*.api.example", "https://x.api.example", True),
        ("*.api.example", "https://x.y.api.example", True),
        ("*.api.example", "https://api.example", False),
        ("*.api.example", "https://notapi.example", False),
        ("*:8443", "https://notapi.example:8443", True),
        ("*:8443", "https://notapi.example", False),
        ("8.8.8.8", "https://8.8.8.8", True),
        ("[2606:4700::1111]", "https://[2606:4700::1111]", True),
        ("[2606:4700::1111]:1", "https://[2606:4700::1111]:1", True),
        ("[2606:4700::1111]:1", "https://[2606:4700::1111]:2", False),
        ("[2606:4700::1111]", "https://[2606:4700::1112]", False),
    ],
)
async def test_the_list_of_hosts_is_kept_to(pattern: str, url: str, *, allowed: bool) -> None:
    names = ["api.example", "x.api.example", "x.y.api.example", "notapi.example"]
    with resolving({name: ["8.8.8.8"] for name in names}) as resolver:
        if allowed:
            await chosen(url, allowlist=("first.example", pattern))
        else:
            assert "list" in await refused(url, allowlist=("first.example", pattern))
            assert resolver.asked == [], "names that may not be chosen are not looked up"


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.1"],
        ["1.1.1.1", "10.0.0.1"],
        ["2606:4700::1111", "10.0.0.1"],
    ],
)
async def test_a_host_with_a_private_address_is_refused_unless_allowed(addresses: list[str]) -> None:
    with resolving({"api.example": addresses}):
        message = await refused("https://api.example")
        assert not any(address in message for address in addresses)
        base = await chosen("https://api.example", allow_private=True)
        assert set(base.addresses) == set(addresses)


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1", "https://[::1]", "https://127.1", "https://2130706433", "https://0x7f000001"]
)
async def test_every_way_to_write_loopback_is_refused(url: str) -> None:
    await refused(url)


async def test_a_host_that_is_nowhere_is_refused_even_where_private_ones_are_allowed() -> None:
    with resolving({"api.example": ["0.0.0.0"], "none.example": []}):  # noqa: S104 - nothing listens
        await refused("https://api.example", allow_private=True)
        await refused("https://none.example", allow_private=True)
        await refused("https://unknown.example", allow_private=True)


async def test_a_name_that_is_never_answered_is_refused_in_time() -> None:
    class Silent(Names):
        async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
            await trio.sleep_forever()

    before = trio.socket.set_custom_hostname_resolver(Silent({}))
    try:
        with trio.fail_after(20):
            await refused("https://api.example", lookup_s=0.01)
    finally:
        trio.socket.set_custom_hostname_resolver(before)


async def test_where_nothing_may_be_chosen_it_says_why() -> None:
    assert "because it is so" in await refused("https://8.8.8.8", refusal="because it is so")


# --- checked once more, by who has the credential

CHOSEN = ChosenBase(url="https://api.example/v1", host="api.example", addresses=("8.8.8.8",))


def a_call(base: ChosenBase | None) -> UpstreamCall:
    turn = Turn(model="m", messages=[], base=base)
    return UpstreamCall(run_id=RunId("r"), request_id=RequestId("q"), turn=turn, messages=[])


@pytest.mark.parametrize("base", [None, CHOSEN])
async def test_a_call_that_may_go_where_it_wants_is_put(base: ChosenBase | None) -> None:
    inner = ScriptedUpstream([[[Opened(200)]]])
    async with CheckedUpstream(inner, BaseUrlOptions(allowlist=("*.example",))).open(a_call(base)):
        assert inner.calls == [a_call(base)]


@pytest.mark.parametrize(
    ("base", "options"),
    [
        (CHOSEN, {"refusal": "nothing may be chosen"}),
        (CHOSEN, {"allowlist": ("other.example",)}),
        (replace(CHOSEN, url="http://api.example"), {}),
        (replace(CHOSEN, addresses=("8.8.8.8", "127.0.0.1")), {}),
        (replace(CHOSEN, addresses=()), {"allow_private": True}),
    ],
)
def test_what_an_edge_with_other_settings_let_pass_is_not_put(
    base: ChosenBase, options: dict[str, Any]
) -> None:
    inner = ScriptedUpstream([])
    with pytest.raises(BaseNotAllowed):
        CheckedUpstream(inner, BaseUrlOptions(**options)).open(a_call(base))
    assert inner.calls == []
