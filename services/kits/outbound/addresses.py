"""Which addresses of the internet a process may call for somebody else, and by what name it refuses the others.

IPv4: everything but the special blocks (IANA IPv4 Special-Purpose Address Registry, RFC 6890 and its successors).
IPv6: nothing but global unicast, 2000::/3, and of that not the special blocks (IANA IPv6 registry). What carries an
IPv4 address within (mapped, compatible, NAT64, 6to4, Teredo) is refused whatever it carries: a gateway on the way may
unwrap it. Addresses where a cloud keeps its machines' secrets lie in those blocks, but for one, which is named.
"""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

PUBLIC: Final = ""  # the word for an address that may be called
_METADATA: Final = "cloud metadata"

_IPV4: Final[Mapping[str, tuple[str, ...]]] = {
    _METADATA: ("169.254.169.254/32", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32"),
    "unspecified": ("0.0.0.0/8",),
    "loopback": ("127.0.0.0/8",),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    "shared by a carrier": ("100.64.0.0/10",),
    "link-local": ("169.254.0.0/16",),
    "multicast": ("224.0.0.0/4",),
    "reserved": (
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation, as the next two
        "198.51.100.0/24",
        "203.0.113.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",  # benchmarks
        "240.0.0.0/4",  # future use and broadcast
    ),
}
_IPV6: Final[Mapping[str, tuple[str, ...]]] = {
    _METADATA: ("fd00:ec2::254/128",),
    "unspecified": ("::/128",),
    "loopback": ("::1/128",),
    "IPv4 within": ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"),
    "private": ("fc00::/7", "fec0::/10"),
    "link-local": ("fe80::/10",),
    "multicast": ("ff00::/8",),
    "reserved": (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation, as the next
        "3fff::/20",
    ),
}
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_IPV4_NETWORKS: Final = tuple((word, tuple(map(IPv4Network, texts))) for word, texts in _IPV4.items())
_IPV6_NETWORKS: Final = tuple((word, tuple(map(IPv6Network, texts))) for word, texts in _IPV6.items())


def refusal_of(address: IPv4Address | IPv6Address) -> str:
    """Return in a word why an address may not be called; PUBLIC when it may."""
    if isinstance(address, IPv4Address):
        return next((word for word, blocks in _IPV4_NETWORKS if any(address in each for each in blocks)), PUBLIC)
    word = next((word for word, blocks in _IPV6_NETWORKS if any(address in each for each in blocks)), PUBLIC)
    return word or (PUBLIC if address in _GLOBAL_UNICAST else "reserved")
