"""An address names one server, a name all that it resolves to, a list what it lists."""

import pytest

from services.chassis.settings import ChassisSettings, SettingsError, load_settings
from services.chassis.targets import ADDRESSES_LIMIT, IN_TURN, target_of


@pytest.mark.parametrize("address", ["127.0.0.1:9000", "10.0.0.7:1", "[::1]:65535"])
async def test_a_single_address_is_one_server_without_turns(address: str) -> None:
    target = target_of(address)
    assert (target.uri, target.is_shared, target.options) == (address, False, ())
    assert await target.replicas() == 1


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("10.0.0.7:9000,10.0.0.8:9001", "ipv4:10.0.0.7:9000,10.0.0.8:9001"),
        (" 10.0.0.7:9000 , 10.0.0.8:9000 ", "ipv4:10.0.0.7:9000,10.0.0.8:9000"),
        ("[::1]:9000,[fe80::2]:9000", "ipv6:[::1]:9000,[fe80::2]:9000"),
    ],
)
async def test_listed_addresses_share_the_calls(address: str, uri: str) -> None:
    target = target_of(address)
    assert (target.uri, target.is_shared, target.options) == (uri, True, IN_TURN)
    assert await target.replicas() == 2


def test_a_name_stands_for_what_it_resolves_to() -> None:
    target = target_of("search:9000")
    assert (target.uri, target.is_shared, target.options) == ("dns:///search:9000", True, IN_TURN)


@pytest.mark.parametrize(
    "address",
    [
        "search",
        "search:",
        ":9000",
        "search:0",
        "search:65536",
        "10.0.0.7:9000,",
        "10.0.0.7:9000,search:9000",
        "one:9000,two:9000",
        "10.0.0.7:9000,[::1]:9000",
        ",".join(f"10.0.0.{number}:9000" for number in range(ADDRESSES_LIMIT + 1)),
    ],
)
def test_what_is_no_address_is_refused_where_it_is_set(address: str) -> None:
    with pytest.raises(ValueError, match=r"address|host:port"):
        target_of(address)
    with pytest.raises(SettingsError, match="ZHIKE_SEARCH_ADDRESS"):
        load_settings(ChassisSettings, "gateway", {"ZHIKE_SEARCH_ADDRESS": address})


def test_as_many_addresses_as_are_allowed_are_taken() -> None:
    address = ",".join(f"10.0.0.{number}:9000" for number in range(ADDRESSES_LIMIT))
    assert load_settings(ChassisSettings, "gateway", {"ZHIKE_SEARCH_ADDRESS": address}).search_address == address
