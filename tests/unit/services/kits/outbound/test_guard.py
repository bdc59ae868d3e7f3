"""A URL that somebody else chose: its form, its host's addresses, and the operator's exceptions."""

from collections.abc import Sequence

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kits.outbound.allowed_hosts import AllowedHosts, allowed_hosts
from services.kits.outbound.guard import (
    ADDRESSES_LIMIT,
    URL_LIMIT,
    AddressRefusedError,
    HostUnknownError,
    OutboundGuard,
    UrlMalformedError,
    UrlSchemeError,
    UrlUserinfoError,
)

on_a_busy_machine = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

PUBLIC_ADDRESS = "93.184.216.34"


class Names:
    """A name server: what it answers, and what it was asked."""

    def __init__(self, **answers: Sequence[str]) -> None:
        self.answers = {name.replace("_", "."): answer for name, answer in answers.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.get(host, ())


def guard_with(names: Names, *allowed: str) -> OutboundGuard:
    return OutboundGuard(allowed_hosts(allowed), names.resolve)


async def test_https_to_a_public_host_is_called() -> None:
    names = Names(hooks_example=[PUBLIC_ADDRESS, "2606:4700::1"])
    guard = guard_with(names)
    url = await guard.check("https://Hooks.Example/path?x=1")
    assert (url.host, url.path) == ("hooks.example", "/path")
    assert await guard.addresses("hooks.example", 443) == [PUBLIC_ADDRESS, "2606:4700::1"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", UrlMalformedError),
        ("hooks.example/path", UrlMalformedError),
        ("https://", UrlMalformedError),
        ("https:///path", UrlMalformedError),
        ("https://hooks.example:99999/", UrlMalformedError),
        ("https://hooks.example\\@inner/", UrlMalformedError),
        ("https://hooks.example:0/", UrlMalformedError),
        ("https://0177.0.0.1/", UrlMalformedError),
        ("https://hooks example/", UrlMalformedError),
        ("https://hooks.example/\n", UrlMalformedError),
        ("http://hooks.example/", UrlSchemeError),
        ("ftp://hooks.example/", UrlSchemeError),
        ("file://hooks.example/etc/passwd", UrlSchemeError),
        ("gopher://hooks.example/", UrlSchemeError),
        ("https://user@hooks.example/", UrlUserinfoError),
        ("https://user:secret@hooks.example/", UrlUserinfoError),
        ("https://127.0.0.1@hooks.example/", UrlUserinfoError),
    ],
)
async def test_a_url_of_another_form_is_refused_by_its_own_reason(text: str, error: type[Exception]) -> None:
    names = Names(hooks_example=[PUBLIC_ADDRESS])
    with pytest.raises(error):
        await guard_with(names).check(text)
    assert not names.asked


async def test_one_character_past_the_bound_is_malformed() -> None:
    guard = guard_with(Names(a=[PUBLIC_ADDRESS]))
    start = "https://a/"
    assert await guard.check(start + "x" * (URL_LIMIT - len(start)))
    with pytest.raises(UrlMalformedError):
        await guard.check(start + "x" * (URL_LIMIT - len(start) + 1))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:8.8.8.8]",
        "[fe80::1]",
        "169.254.169.254",
        "0.0.0.0",
    ],
)
async def test_a_literal_inner_address_is_refused_without_asking_a_name_server(host: str) -> None:
    names = Names()
    with pytest.raises(AddressRefusedError) as refused:
        await guard_with(names).check(f"https://{host}/")
    assert refused.value.metadata["block"]
    assert not names.asked


@on_a_busy_machine
@given(st.ip_addresses(v=4).filter(lambda address: not address.is_global))
async def test_a_name_for_an_inner_address_is_refused(address: object) -> None:
    with pytest.raises(AddressRefusedError):
        await guard_with(Names(hooks_example=[str(address)])).check("https://hooks.example/")


async def test_one_inner_address_among_public_ones_refuses_them_all() -> None:
    names = Names(hooks_example=[PUBLIC_ADDRESS, "10.0.0.7"])
    with pytest.raises(AddressRefusedError) as refused:
        await guard_with(names).check("https://hooks.example/")
    assert "10.0.0.7" not in refused.value.message  # it would teach the caller our network


@pytest.mark.parametrize("number", ["2130706433", "0x7f.1", "127.1"])
async def test_other_ways_to_write_an_address_go_through_the_resolver_and_are_judged_by_its_answer(number: str) -> None:
    names = Names()
    names.answers[number] = ["127.0.0.1"]
    with pytest.raises(AddressRefusedError):
        await guard_with(names).check(f"https://{number}/")


async def test_an_unknown_host_and_an_endless_answer_are_host_unknown() -> None:
    names = Names(many=[PUBLIC_ADDRESS] * ADDRESSES_LIMIT)
    assert await guard_with(names).check("https://many/")
    names.answers["many"] = [PUBLIC_ADDRESS] * (ADDRESSES_LIMIT + 1)
    for host in ("many", "nowhere"):
        with pytest.raises(HostUnknownError):
            await guard_with(names).check(f"https://{host}/")


async def test_an_unreadable_answer_is_refused() -> None:
    with pytest.raises(AddressRefusedError):
        await guard_with(Names(a=["not an address"])).check("https://a/")


async def test_the_operators_pair_is_exempt_and_its_neighbours_are_not() -> None:
    names = Names(hooks_internal=["10.0.0.7"])
    guard = guard_with(names, "hooks.internal:8443", "127.0.0.1:9000")
    for text in ("https://hooks.internal:8443/", "http://hooks.internal:8443/", "http://127.0.0.1:9000/x"):
        assert await guard.check(text)
    with pytest.raises(AddressRefusedError):
        await guard.check("https://hooks.internal/")
    with pytest.raises(AddressRefusedError):
        await guard.check("https://127.0.0.1:9001/")
    with pytest.raises(UrlSchemeError):
        await guard.check("http://127.0.0.1:9001/")
    with pytest.raises(UrlUserinfoError):
        await guard.check("http://a@127.0.0.1:9000/")


async def test_a_host_of_other_letters_is_resolved_by_the_name_that_is_connected_to() -> None:
    names = Names()
    names.answers["xn--fsqu00a.example"] = [PUBLIC_ADDRESS]
    url = await OutboundGuard(AllowedHosts(), names.resolve).check("https://例子.example/")
    assert isinstance(url, httpx.URL)
    assert names.asked == ["xn--fsqu00a.example"]


async def test_what_is_only_read_may_come_by_http_from_public_hosts_alone() -> None:
    names = Names(news_example=[PUBLIC_ADDRESS], inner_example=["127.0.0.1"])
    guard = OutboundGuard(AllowedHosts(), names.resolve, reads_http=True)
    assert (await guard.check("http://news.example/rss")).scheme == "http"
    with pytest.raises(AddressRefusedError):
        await guard.check("http://inner.example/rss")
    with pytest.raises(UrlSchemeError):
        await guard.check("ftp://news.example/rss")
