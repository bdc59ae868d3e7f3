"""The operator's list names exact pairs of host and port, and nothing else."""

import pytest

from services.chassis.settings import SettingsError, load_settings
from services.kits.outbound.allowed_hosts import ENTRIES_LIMIT, ENTRY_LIMIT, allowed_hosts
from services.kits.webhooks.settings import WebhookSettings


def test_it_is_empty_by_default() -> None:
    assert load_settings(WebhookSettings, "orders", {}).webhook_allowed_hosts == ()
    assert not allowed_hosts(()).names("127.0.0.1", 80)


def test_a_pair_is_named_exactly() -> None:
    allowed = allowed_hosts(["127.0.0.1:9000", "Hooks.Internal:8443", "[::1]:7000", "例子.internal:80"])
    assert allowed.names("127.0.0.1", 9000)
    assert allowed.names("hooks.internal", 8443)
    assert allowed.names("::1", 7000)
    assert allowed.names("xn--fsqu00a.internal", 80)
    for host, port in (("127.0.0.1", 9001), ("127.0.0.2", 9000), ("a.hooks.internal", 8443), ("internal", 8443)):
        assert not allowed.names(host, port)


@pytest.mark.parametrize(
    "entry",
    [
        "127.0.0.1",
        "host:",
        "host:0",
        "host:65536",
        "host:٣",
        ":80",
        "http://host:80",
        "host:80/path",
        "user@host:80",
        "*.internal:80",
        "10.0.0.0/8:80",
        "ho st:80",
        "x" * ENTRY_LIMIT + ":1",
    ],
)
def test_what_is_no_pair_is_refused_by_its_variable(entry: str) -> None:
    with pytest.raises(SettingsError, match="ZHIKE_WEBHOOK_ALLOWED_HOSTS"):
        load_settings(WebhookSettings, "orders", {"ZHIKE_WEBHOOK_ALLOWED_HOSTS": f"ok.internal:1, {entry}"})


def test_one_entry_past_the_bound_is_refused() -> None:
    entries = [f"h{number}:80" for number in range(ENTRIES_LIMIT)]
    assert len(allowed_hosts(entries).pairs) == ENTRIES_LIMIT
    with pytest.raises(ValueError, match="at most"):
        allowed_hosts([*entries, "one-more:80"])


def test_the_list_of_one_service_goes_before_the_list_of_all() -> None:
    env = {"ZHIKE_WEBHOOK_ALLOWED_HOSTS": "a:1", "ZHIKE_ORDERS_WEBHOOK_ALLOWED_HOSTS": "b:2,c:3"}
    assert load_settings(WebhookSettings, "orders", env).webhook_allowed_hosts == ("b:2", "c:3")
    assert load_settings(WebhookSettings, "reputation", env).webhook_allowed_hosts == ("a:1",)
