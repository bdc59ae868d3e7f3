"""The transport connects to the very address that was checked, for each hop, and names the host all the same."""

import ssl
from collections.abc import Iterable, Sequence

import httpcore
import httpx
import pytest

from services.kits.outbound import transport
from services.kits.outbound.allowed_hosts import allowed_hosts
from services.kits.outbound.guard import AddressRefusedError, OutboundGuard, UrlSchemeError
from services.kits.outbound.transport import CONNECT_TRIES_LIMIT, GuardedTransport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FIRST, SECOND = "93.184.216.34", "93.184.216.35"


class Stream(httpcore.AsyncMockStream):
    """A connection that notes what TLS and HTTP say on it."""

    def __init__(self, answer: bytes, notes: list[str]) -> None:
        super().__init__([answer])
        self._notes = notes

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        self._notes.append(f"tls {server_hostname}")
        return self

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._notes += [line.lower() for line in buffer.decode().split("\r\n") if line.lower().startswith("host:")]


class Network(httpcore.AsyncNetworkBackend):
    """Sockets that remember where they were opened to; ``refusing`` addresses take no connection."""

    def __init__(self, *answers: bytes, refusing: Sequence[str] = ()) -> None:
        self.opened: list[tuple[str, int]] = []
        self.notes: list[str] = []
        self._answers, self._refusing = list(answers), refusing

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.opened.append((host, port))
        if host in self._refusing:
            raise httpcore.ConnectError("refused")
        return Stream(self._answers.pop(0), self.notes)


class Names:
    """A name server whose answers follow one another."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def client_on(network: Network, names: Names, *allowed: str, follow: bool = False) -> httpx.AsyncClient:
    guard = OutboundGuard(allowed_hosts(allowed), names.resolve)
    return httpx.AsyncClient(transport=GuardedTransport(guard, backend=network), follow_redirects=follow)


async def test_the_connection_goes_to_the_checked_address_and_tls_and_host_name_the_host() -> None:
    network = Network(OK)
    async with client_on(network, Names([FIRST])) as client:
        answer = await client.get("https://hooks.example/path")
    assert (answer.status_code, answer.text) == (200, "ok")
    assert network.opened == [(FIRST, 443)]
    assert network.notes == ["tls hooks.example", "host: hooks.example"]


async def test_a_name_server_that_changes_its_answer_after_the_check_changes_nothing() -> None:
    """DNS rebinding: public when asked first, inner when asked again; nobody asks again for one connection."""
    network = Network(OK)
    async with client_on(network, Names([FIRST], ["127.0.0.1"])) as client:
        assert (await client.get("https://rebinding.example/")).status_code == 200
        assert network.opened == [(FIRST, 443)]


async def test_an_inner_address_opens_no_socket() -> None:
    network = Network(OK)
    async with client_on(network, Names(["127.0.0.1"])) as client:
        with pytest.raises(AddressRefusedError):
            await client.get("https://hooks.example/")
    assert not network.opened


async def test_http_opens_no_socket_without_the_operators_leave() -> None:
    network = Network(OK)
    async with client_on(network, Names([FIRST]), "127.0.0.1:9000") as client:
        with pytest.raises(UrlSchemeError):
            await client.get("http://hooks.example/")
        assert not network.opened
        assert (await client.get("http://127.0.0.1:9000/")).status_code == 200
    assert network.opened == [("127.0.0.1", 9000)]


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("http://127.0.0.1:8080/", UrlSchemeError),
        ("https://127.0.0.1/", AddressRefusedError),
        ("https://169.254.169.254/latest/meta-data", AddressRefusedError),
        ("https://[::ffff:10.0.0.1]/", AddressRefusedError),
    ],
)
async def test_each_hop_of_a_redirect_is_checked(target: str, error: type[Exception]) -> None:
    redirect = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()
    network = Network(redirect, OK)
    async with client_on(network, Names([FIRST]), follow=True) as client:
        with pytest.raises(error):
            await client.get("https://feeds.example/rss")
    assert network.opened == [(FIRST, 443)]


async def test_a_public_redirect_is_followed_by_who_wants_to() -> None:
    redirect = b"HTTP/1.1 301 Moved\r\nLocation: https://feeds2.example/rss\r\nContent-Length: 0\r\n\r\n"
    network = Network(redirect, OK)
    async with client_on(network, Names([FIRST], [SECOND]), follow=True) as client:
        assert (await client.get("https://feeds.example/rss")).text == "ok"
    assert network.opened == [(FIRST, 443), (SECOND, 443)]


async def test_the_next_address_is_tried_where_one_takes_no_connection() -> None:
    network = Network(OK, refusing=[FIRST])
    async with client_on(network, Names([FIRST, SECOND])) as client:
        assert (await client.get("https://hooks.example/")).status_code == 200
    assert network.opened == [(FIRST, 443), (SECOND, 443)]


async def test_one_address_past_the_bound_is_not_tried() -> None:
    addresses = [f"93.184.216.{number}" for number in range(1, CONNECT_TRIES_LIMIT + 2)]
    network = Network(refusing=addresses)
    async with client_on(network, Names(addresses)) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("https://hooks.example/")
    assert [host for host, _ in network.opened] == addresses[:CONNECT_TRIES_LIMIT]


async def test_a_broken_answer_is_httpxs_own_error() -> None:
    network = Network(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
    async with client_on(network, Names([FIRST])) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("https://hooks.example/")


async def test_an_origin_keeps_its_connection_for_itself() -> None:
    network = Network(OK + OK, OK)
    async with client_on(network, Names([FIRST])) as client:
        for host in ("a.example", "a.example", "b.example"):
            assert (await client.get(f"https://{host}/")).status_code == 200
    assert network.opened == [(FIRST, 443)] * 2  # two hosts at one address share no connection: TLS proved one of them
    assert network.notes.count("tls a.example") == network.notes.count("tls b.example") == 1


async def test_what_nobody_uses_is_let_go_and_so_is_one_origin_past_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ORIGINS_LIMIT", 2)
    network = Network(*[OK] * 5)
    guarded = GuardedTransport(OutboundGuard(allowed_hosts(()), Names([FIRST]).resolve), backend=network)
    async with httpx.AsyncClient(transport=guarded) as client:
        for host in ("a.example", "b.example", "c.example"):
            await client.get(f"https://{host}/")
        assert [host for _, host, _ in guarded._origins] == ["b.example", "c.example"]
        monkeypatch.setattr(transport, "KEPT_S", 0.0)
        await client.get("https://d.example/")
        assert [host for _, host, _ in guarded._origins] == ["d.example"]


async def test_an_origin_in_use_is_not_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ORIGINS_LIMIT", 1)
    network = Network(OK, OK, OK)
    guarded = GuardedTransport(OutboundGuard(allowed_hosts(()), Names([FIRST]).resolve), backend=network)
    async with httpx.AsyncClient(transport=guarded) as client:
        async with client.stream("GET", "https://a.example/") as answer:
            await client.get("https://b.example/")
            assert await answer.aread() == b"ok"
        await client.get("https://c.example/")
        assert [host for _, host, _ in guarded._origins] == ["c.example"]
    assert all(origin.under_way == 0 for origin in guarded._origins.values())


async def test_a_failed_call_leaves_its_origin_free() -> None:
    network = Network(refusing=[FIRST])
    guarded = GuardedTransport(OutboundGuard(allowed_hosts(()), Names([FIRST]).resolve), backend=network)
    async with httpx.AsyncClient(transport=guarded) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("https://a.example/")
        assert [origin.under_way for origin in guarded._origins.values()] == [0]


async def test_no_socket_of_this_machine_is_called() -> None:
    guarded = GuardedTransport(OutboundGuard(allowed_hosts(())), backend=Network())
    with pytest.raises(httpcore.ConnectError):
        await guarded._backend.connect_unix_socket("/run/docker.sock")
    await guarded.aclose()
