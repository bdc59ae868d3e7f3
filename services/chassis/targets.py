"""Owns what the address of a service means: one server, or replicas that share its calls.

A name stands for every address that it resolves to, and several addresses can be listed; then each call goes to the
next replica that is connected (gRPC's round_robin). A single address keeps one connection and knows of no turns.
"""

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

ADDRESSES_LIMIT: Final = 32
IN_TURN: Final = (("grpc.service_config", '{"loadBalancingConfig":[{"round_robin":{}}]}'),)


@dataclass(frozen=True, slots=True)
class Target:
    """Where the calls to a service go. ``name``: host and port that stand for a number of servers known by asking."""

    uri: str  # as gRPC resolves it
    addresses: int = 1
    name: tuple[str, int] | None = None

    @property
    def is_shared(self) -> bool:
        """Whether several servers may answer."""
        return self.addresses > 1 or self.name is not None

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """What a channel to it takes besides what every channel takes."""
        return IN_TURN if self.is_shared else ()

    async def replicas(self) -> int:
        """Return how many servers may answer now; one for a name that cannot be resolved."""
        if self.name is None:
            return self.addresses
        host, port = self.name
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            return 1
        return len({place for *_, place in found})


def target_of(address: str) -> Target:
    """Read "host:port", or several IP addresses with ports, separated by commas. Raises ValueError."""
    listed = [each.strip() for each in address.split(",")]
    if len(listed) > ADDRESSES_LIMIT:
        raise ValueError(f"at most {ADDRESSES_LIMIT} addresses")
    places = [_place(each) for each in listed]
    kinds = {type(_ip(host)) for host, _ in places}
    if len(listed) > 1:
        if kinds == {IPv4Address}:
            return Target(f"ipv4:{','.join(listed)}", len(listed))
        if kinds == {IPv6Address}:
            return Target(f"ipv6:{','.join(listed)}", len(listed))
        raise ValueError("several addresses are all IPv4 or all IPv6; a name stands for every address it resolves to")
    if kinds == {type(None)}:
        return Target(f"dns:///{listed[0]}", name=places[0])
    return Target(listed[0])


def _place(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 65_536):
        raise ValueError('must be "host:port"')
    return host, int(port)


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
