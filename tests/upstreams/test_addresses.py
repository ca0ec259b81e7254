"""Which addresses are of the public internet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.upstreams.addresses import is_public, is_somewhere

PUBLIC = [
    "8.8.8.8",
    "93.184.216.34",
    "2606:4700::1111",
    "64:ff9b::808:808",
    "::ffff:8.8.8.8",
]
NOT_PUBLIC = [
    "127.0.0.1",
    "127.8.8.8",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.9",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "0.0.0.0",  # noqa: S104 - an address, nothing listens
    "255.255.255.255",
    "224.0.0.1",
    "240.0.0.1",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:a00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
    "4000::1",
    "",
    "localhost",
    "2130706433",
    "0x7f.1",
    "127.1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_these_are_public(address: str) -> None:
    assert is_public(address)
    assert is_somewhere(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_these_are_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "fe80::1", "fd12::1"])
def test_a_private_host_is_somewhere(address: str) -> None:
    assert is_somewhere(address)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "x", ""])  # noqa: S104
def test_nowhere_is_not(address: str) -> None:
    assert not is_somewhere(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_as_public_in_every_ipv6_form(ip: object) -> None:
    assert is_public(f"::ffff:{ip}") is is_public(str(ip))
    assert is_public(f"64:ff9b::{ip}") is is_public(str(ip))
