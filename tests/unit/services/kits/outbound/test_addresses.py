"""Only public addresses are called, however an inner one is written down."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kits.outbound.addresses import PUBLIC, refusal_of

on_a_busy_machine = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

INNER_IPV4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
INNER_IPV6 = [
    IPv6Network(text) for text in ("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "2001::/32", "2001:db8::/32")
]


def within(networks: list[IPv4Network] | list[IPv6Network]) -> st.SearchStrategy[IPv4Address | IPv6Address]:
    return st.sampled_from(networks).flatmap(
        lambda network: st.integers(0, network.num_addresses - 1).map(lambda offset: network[offset])
    )


@on_a_busy_machine
@given(within(INNER_IPV4))
def test_no_inner_ipv4_address_is_public(address: IPv4Address) -> None:
    assert refusal_of(address) != PUBLIC


@on_a_busy_machine
@given(within(INNER_IPV6))
def test_no_inner_ipv6_address_is_public(address: IPv6Address) -> None:
    assert refusal_of(address) != PUBLIC


@on_a_busy_machine
@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::", "::", "::ffff:0:0:0", "64:ff9b:1::"]))
def test_an_ipv4_address_inside_an_ipv6_one_is_refused_whatever_it_is(inner: IPv4Address, prefix: str) -> None:
    assert refusal_of(IPv6Address(int(IPv6Address(prefix)) | int(inner))) != PUBLIC


@on_a_busy_machine
@given(st.ip_addresses(v=4), st.integers(0, 2**80 - 1))
def test_6to4_and_teredo_are_refused_whatever_they_carry(inner: IPv4Address, rest: int) -> None:
    assert refusal_of(IPv6Address((0x2002 << 112) | (int(inner) << 80) | rest)) != PUBLIC
    assert refusal_of(IPv6Address((0x20010000 << 96) | (rest << 16) % 2**96 | int(inner) % 2**16)) != PUBLIC


@on_a_busy_machine
@given(st.ip_addresses())
def test_what_is_called_is_global_by_the_standard_librarys_own_table(address: IPv4Address | IPv6Address) -> None:
    if refusal_of(address) == PUBLIC:
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved
    else:
        assert refusal_of(address).strip()


@on_a_busy_machine
@given(st.ip_addresses(v=6).filter(lambda address: int(address) >> 125 != 1))
def test_ipv6_outside_global_unicast_is_refused(address: IPv6Address) -> None:
    assert refusal_of(address) != PUBLIC


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("10.1.2.3", "private"),
        ("fd12::1", "private"),
        ("169.254.169.254", "cloud metadata"),
        ("168.63.129.16", "cloud metadata"),
        ("100.100.100.200", "cloud metadata"),
        ("fd00:ec2::254", "cloud metadata"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("::ffff:8.8.8.8", "IPv4 within"),
        ("64:ff9b::808:808", "IPv4 within"),
        ("100.64.0.1", "shared by a carrier"),
    ],
)
def test_the_refusal_says_which_block(text: str, block: str) -> None:
    assert refusal_of(ip_address(text)) == block


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "1.1.1.1", "223.5.5.5", "2606:4700:4700::1111", "2400:3200::1", "172.32.0.1"]
)
def test_public_addresses_are_called(text: str) -> None:
    assert refusal_of(ip_address(text)) == PUBLIC
