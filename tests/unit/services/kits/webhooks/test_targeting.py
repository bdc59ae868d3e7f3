"""What an operator does: targets, secrets, tests, the log of deliveries, replays."""

from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.errors import InvalidArgumentError
from services.kits.outbound.guard import AddressRefusedError, HostUnknownError, UrlSchemeError, UrlUserinfoError
from services.kits.webhooks.deliveries import DeliveryState
from services.kits.webhooks.errors import (
    DeliveryNotFoundError,
    EventTypeUnknownError,
    SecretLimitError,
    TargetContendedError,
    TargetDisabledError,
    TargetLimitError,
    TargetNotFoundError,
    WebhookRequestReusedError,
)
from services.kits.webhooks.signing_secrets import OVERLAP_LIMIT, SigningSecret
from services.kits.webhooks.target_store import TargetStore
from services.kits.webhooks.targeting import REPLAY_LIMIT, TargetEdit
from services.kits.webhooks.targets import (
    EVENT_TYPES_LIMIT,
    OWNER_LIMIT,
    TARGETS_LIMIT,
    DisableCause,
    Target,
    TargetState,
)
from tests.fakes.webhooks import WebhookBench

DAY = timedelta(days=1)
NO_OVERLAP = timedelta(0)


async def test_a_target_is_made_with_a_secret_of_its_own(bench: WebhookBench) -> None:
    first, first_secret = await bench.targeting.create("https://a.example/", [], owner=" ERP ", request_id="r-1")
    second, second_secret = await bench.targeting.create("https://a.example/", [], owner="", request_id="r-2")
    assert first.id != second.id
    assert first_secret != second_secret
    assert (first.owner, first.state, first.event_types) == ("ERP", TargetState.ENABLED, ())
    assert [each.id for each in await bench.targeting.list()] == sorted([first.id, second.id]), (
        "made at the same time, so by id"
    )


async def test_the_same_request_again_answers_the_same_target_and_secret(bench: WebhookBench) -> None:
    first = await bench.targeting.create("https://a.example/", ["order.delayed"], owner="", request_id="r")
    again = await bench.targeting.create("https://a.example/", ["order.delayed"], owner="", request_id="r")
    assert (again[0].id, again[1]) == (first[0].id, first[1])
    with pytest.raises(WebhookRequestReusedError):
        await bench.targeting.create("https://b.example/", ["order.delayed"], owner="", request_id="r")
    assert len(await bench.targeting.list()) == 1


async def test_requests_without_an_id_make_targets_of_their_own(bench: WebhookBench) -> None:
    ids = {(await bench.targeting.create("https://a.example/", [], owner="", request_id=""))[0].id for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://a.example/", UrlSchemeError),
        ("https://me:secret@a.example/", UrlUserinfoError),
        ("https://127.0.0.1/", AddressRefusedError),
        ("https://[64:ff9b::7f00:1]/", AddressRefusedError),
    ],
)
async def test_a_url_that_is_never_called_is_refused_when_it_is_given(
    bench: WebhookBench, url: str, error: type[Exception]
) -> None:
    target_id, _ = await bench.target("a.example")
    with pytest.raises(error):
        await bench.targeting.create(url, [], owner="", request_id="r")
    with pytest.raises(error):
        await bench.targeting.edit(target_id, TargetEdit(url=url))
    assert (await bench.targeting.get(target_id)).url == "https://a.example/hook"


async def test_a_host_that_nobody_knows_is_refused_when_it_is_given(bench: WebhookBench) -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        return []

    bench.guard._resolve = nowhere
    with pytest.raises(HostUnknownError):
        await bench.targeting.create("https://a.example/", [], owner="", request_id="r")


async def test_the_operators_own_host_may_be_called_by_http(bench: WebhookBench) -> None:
    target, _ = await bench.targeting.create("http://inner.example:8443/x", [], owner="", request_id="r")
    assert target.url == "http://inner.example:8443/x"


async def test_an_event_type_that_is_never_sent_is_refused_with_those_that_are(bench: WebhookBench) -> None:
    with pytest.raises(EventTypeUnknownError) as refused:
        await bench.targeting.create("https://a.example/", ["order.delayed", "order.lost"], owner="", request_id="r")
    assert refused.value.metadata["known"] == "alert.opened, order.delayed, order.delivered"


async def test_one_event_type_or_character_of_the_owner_past_its_bound_is_refused(bench: WebhookBench) -> None:
    types = ["order.delayed"] * EVENT_TYPES_LIMIT
    target, _ = await bench.targeting.create("https://a.example/", types, owner="x" * OWNER_LIMIT, request_id="r")
    assert target.event_types == ("order.delayed",)
    for bad_types, owner in (([*types, "order.delayed"], ""), ([], "x" * (OWNER_LIMIT + 1)), ([], "a\x00b")):
        with pytest.raises(InvalidArgumentError):
            await bench.targeting.create("https://a.example/", bad_types, owner=owner, request_id="r-2")


async def test_one_target_past_the_bound_is_refused_until_one_is_deleted(bench: WebhookBench) -> None:
    for number in range(TARGETS_LIMIT):
        target, _ = await bench.targeting.create("https://a.example/", [], owner="", request_id=f"r-{number}")
    await bench.targeting.edit(target.id, TargetEdit(enabled=False))
    with pytest.raises(TargetLimitError):
        await bench.targeting.create("https://a.example/", [], owner="", request_id="one more")
    await bench.targeting.delete(target.id)
    assert await bench.targeting.create("https://a.example/", [], owner="", request_id="one more")


async def test_an_edit_changes_what_it_names_and_nothing_else(bench: WebhookBench) -> None:
    target_id, secret = await bench.target("a.example", "order.delayed")
    bench.clock.advance(5)
    edited = await bench.targeting.edit(target_id, TargetEdit(url="https://b.example/", enabled=False))
    assert (edited.url, edited.event_types, edited.owner) == ("https://b.example/", ("order.delayed",), "tests")
    assert (edited.state, edited.cause) == (TargetState.DISABLED, DisableCause.OPERATOR)
    assert edited.update_time == bench.clock.now()
    assert edited.signing(bench.clock.now()) == (secret,)
    bench.clock.advance(5)
    same = await bench.targeting.edit(target_id, TargetEdit(enabled=False))
    assert same.update_time < bench.clock.now()
    enabled = await bench.targeting.edit(target_id, TargetEdit(enabled=True, owner="ops", event_types=()))
    assert (enabled.state, enabled.cause, enabled.owner) == (TargetState.ENABLED, DisableCause.NONE, "ops")
    assert enabled.wants("alert.opened")


async def test_a_deleted_target_leaves_a_tombstone_without_url_or_secret(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    await bench.publish("e-1", "e-2")
    await bench.targeting.delete(target_id)
    tombstone = await bench.targets.find(target_id)
    assert tombstone is not None
    assert (tombstone.url, tombstone.secrets, tombstone.owner) == ("", (), "")
    assert {each.state for each in await bench.all_of(target_id)} == {DeliveryState.CANCELLED}
    await bench.pass_time(600)
    assert not bench.receivers.calls
    for act in (bench.targeting.get(target_id), bench.targeting.delete(target_id)):
        with pytest.raises(TargetNotFoundError):
            await act
    with pytest.raises(TargetNotFoundError):  # its repeat does not bring it back
        await bench.target("a.example")


async def test_both_secrets_sign_during_the_overlap(bench: WebhookBench) -> None:
    target_id, old = await bench.target("a.example")
    target, new = await bench.targeting.rotate_secret(target_id, overlap=DAY, request_id="r-1")
    assert new != old
    assert target.signing(bench.clock.now()) == (new, old)
    await bench.publish("e-1")
    await bench.deliver()
    assert len(bench.receivers.calls[0].headers["webhook-signature"].split(" ")) == 2
    bench.clock.advance(DAY.total_seconds())
    await bench.publish("e-2")
    await bench.deliver()
    assert len(bench.receivers.calls[1].headers["webhook-signature"].split(" ")) == 1


async def test_the_same_rotation_again_answers_the_same_secret(bench: WebhookBench) -> None:
    target_id, old = await bench.target("a.example")
    _, new = await bench.targeting.rotate_secret(target_id, overlap=DAY, request_id="r-1")
    target, again = await bench.targeting.rotate_secret(target_id, overlap=DAY, request_id="r-1")
    assert again == new
    assert target.signing(bench.clock.now()) == (new, old)


async def test_a_third_live_secret_is_refused_but_an_emergency_is_not(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    await bench.targeting.rotate_secret(target_id, overlap=DAY, request_id="r-1")
    with pytest.raises(SecretLimitError):
        await bench.targeting.rotate_secret(target_id, overlap=DAY, request_id="r-2")
    target, newest = await bench.targeting.rotate_secret(target_id, overlap=NO_OVERLAP, request_id="r-3")
    assert target.signing(bench.clock.now()) == (newest,)


async def test_an_overlap_past_its_bound_is_refused(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    for overlap in (OVERLAP_LIMIT + timedelta(seconds=1), timedelta(seconds=-1)):
        with pytest.raises(InvalidArgumentError):
            await bench.targeting.rotate_secret(target_id, overlap=overlap, request_id="r")
    assert await bench.targeting.rotate_secret(target_id, overlap=OVERLAP_LIMIT, request_id="r")


async def test_a_test_event_reaches_a_target_that_listens_to_something_else(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example", "alert.opened")
    first = await bench.targeting.send_test(target_id, request_id="r-1")
    again = await bench.targeting.send_test(target_id, request_id="r-1")
    assert first.id == again.id
    await bench.deliver()
    (call,) = bench.receivers.calls
    assert b'"type":"webhook.test"' in call.body


async def test_nothing_is_begun_for_a_disabled_target(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    await bench.targeting.edit(target_id, TargetEdit(enabled=False))
    for act in (
        bench.targeting.send_test(target_id, request_id="r"),
        bench.targeting.replay(target_id, [], request_id="r"),
    ):
        with pytest.raises(TargetDisabledError) as refused:
            await act
        assert refused.value.metadata["cause"] == "operator"


async def test_the_log_lists_the_latest_first_and_page_by_page(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    for number in range(5):
        await bench.publish(f"e-{number}")
        bench.clock.advance(1)
    await bench.deliver()
    first, after = await bench.targeting.deliveries(target_id, None, after=None, limit=3)
    rest, end = await bench.targeting.deliveries(target_id, None, after=after, limit=3)
    assert [each.event_key for each in (*first, *rest)] == ["e-4", "e-3", "e-2", "e-1", "e-0"]
    assert end is None
    assert first[0].attempts[0].status == 204
    none, _ = await bench.targeting.deliveries(target_id, DeliveryState.DEAD, after=None, limit=3)
    assert none == ()
    with pytest.raises(TargetNotFoundError):
        await bench.targeting.deliveries("wht_none", None, after=None, limit=3)


async def test_a_replay_is_begun_once_for_each_request(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    await bench.publish("e-1")
    await bench.deliver()
    (delivered,) = await bench.all_of(target_id)
    for request_id, expected in (("r-1", 1), ("r-1", 0), ("r-2", 1)):
        done = await bench.targeting.replay(target_id, [delivered.id], request_id=request_id)
        assert done.replayed == expected
        await bench.deliver()
    assert bench.receivers.ids("a.example") == [delivered.id] * 3


async def test_what_is_on_its_way_is_not_replayed(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    await bench.publish("e-1")
    (waiting,) = await bench.all_of(target_id)
    assert (await bench.targeting.replay(target_id, [waiting.id], request_id="r")).replayed == 0


async def test_another_targets_delivery_is_not_found(bench: WebhookBench) -> None:
    first, _ = await bench.target("a.example")
    second, _ = await bench.target("b.example")
    await bench.publish("e-1")
    (foreign,) = await bench.all_of(second)
    for wanted in (foreign.id, "msg_none", ""):
        with pytest.raises(DeliveryNotFoundError):
            await bench.targeting.replay(first, [wanted], request_id="r")


async def test_dead_deliveries_are_replayed_page_by_page_and_one_id_past_the_bound_is_refused(
    bench: WebhookBench,
) -> None:
    target_id, _ = await bench.target("a.example")
    await bench.publish(*(f"e-{number}" for number in range(REPLAY_LIMIT + 1)))
    dead = [await bench.deliveries.save(each.dead(bench.clock.now())) for each in await bench.all_of(target_id)]
    ids = [each.id for each in dead if each is not None]
    with pytest.raises(InvalidArgumentError):
        await bench.targeting.replay(target_id, ids, request_id="r")
    first = await bench.targeting.replay(target_id, [], request_id="r-1")
    second = await bench.targeting.replay(target_id, [], request_id="r-2")
    assert (first.replayed, first.more) == (REPLAY_LIMIT, True)
    assert (second.replayed, second.more) == (1, False)


async def test_a_target_that_is_changed_without_end_is_given_up(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    store, other = TargetStore(bench.documents), TargetStore(bench.documents)
    changes = 0

    def while_another_changes_it(known: Target) -> Target:
        nonlocal changes
        changes += 1
        return known.disabled(DisableCause.OPERATOR, bench.clock.now())

    async def get(wanted: str) -> Target:
        found = await TargetStore.get(store, wanted)
        await other.change(wanted, lambda known: known.enabled(bench.clock.now()))
        await other.change(wanted, lambda known: known.disabled(DisableCause.GONE, bench.clock.now()))
        await other.change(wanted, lambda known: known.enabled(bench.clock.now()))
        return found

    store.get = get  # type: ignore[method-assign]
    with pytest.raises(TargetContendedError):
        await store.change(target_id, while_another_changes_it)
    assert changes > 1


def test_no_url_and_no_secret_is_in_a_targets_repr() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    target = Target(
        "wht_1", "https://a.example/token", (), "", TargetState.ENABLED, DisableCause.NONE,
        (SigningSecret("whsec_x", now),), now, now,
    )  # fmt: skip
    assert "token" not in repr(target)
    assert "whsec" not in repr(target)
