"""The life of a delivery, as a state machine that always ends and never changes its id."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kits.webhooks.deliveries import (
    ATTEMPTS_KEPT,
    CLAIM,
    ENDED,
    INTERRUPTIONS_LIMIT,
    Attempt,
    Delivery,
    DeliveryState,
    Outcome,
    new_delivery,
)
from services.kits.webhooks.messages import message
from services.kits.webhooks.schedule import TRIES_LIMIT

on_a_busy_machine = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FAILING = [each for each in Outcome if each not in {Outcome.DELIVERED, Outcome.GONE, Outcome.INTERRUPTED}]


def fresh() -> Delivery:
    return new_delivery(message("e-1", "order.delayed", NOW, {}), "wht_1", NOW, 0)


def tried(delivery: Delivery, outcome: Outcome, now: datetime = NOW) -> Delivery:
    return delivery.claimed("p", now).after(Attempt(now, 5, outcome, 500), now, Random(1))


def test_a_success_ends_it() -> None:
    done = tried(fresh(), Outcome.DELIVERED)
    assert (done.state, done.time, done.tries) == (DeliveryState.DELIVERED, NOW, 1)


def test_gone_ends_it_at_once() -> None:
    assert tried(fresh(), Outcome.GONE).state is DeliveryState.DEAD


@on_a_busy_machine
@given(st.integers(0, 2**32))
def test_it_is_dead_after_the_last_try_and_not_before(seed: int) -> None:
    delivery, now = fresh(), NOW
    for number, outcome in enumerate(Random(seed).choices(FAILING, k=TRIES_LIMIT), 1):
        assert delivery.state is DeliveryState.WAITING
        now = delivery.time
        delivery = tried(delivery, outcome, now)
        assert delivery.tries == delivery.failures == number
        assert delivery.id == fresh().id
    assert delivery.state is DeliveryState.DEAD
    assert timedelta(hours=60) < now - NOW < timedelta(hours=92)


def test_an_interrupted_try_costs_no_step_of_the_schedule_and_keeps_its_place() -> None:
    later = NOW + timedelta(minutes=9)
    claimed = fresh().claimed("p", NOW + timedelta(minutes=5))
    assert claimed.time == NOW + timedelta(minutes=5) + CLAIM
    freed = claimed.interrupted(later)
    assert (freed.state, freed.time, freed.failures, freed.tries) == (DeliveryState.WAITING, NOW, 0, 1)
    assert freed.attempts[-1] == Attempt(NOW + timedelta(minutes=5), 0, Outcome.INTERRUPTED)


def test_a_delivery_that_ends_its_process_each_time_ends_itself() -> None:
    delivery = fresh()
    for _ in range(INTERRUPTIONS_LIMIT - 1):
        delivery = delivery.claimed("p", NOW).interrupted(NOW)
    assert delivery.state is DeliveryState.WAITING
    assert delivery.claimed("p", NOW).interrupted(NOW).state is DeliveryState.DEAD


def test_a_replay_begins_a_new_round_under_the_same_id() -> None:
    dead = tried(fresh(), Outcome.GONE)
    again = dead.replayed("request-1", NOW + timedelta(days=1))
    assert (again.id, again.state, again.round, again.failures) == (dead.id, DeliveryState.WAITING, 2, 0)
    assert again.attempts == dead.attempts
    last = again.claimed("p", NOW).after(Attempt(NOW, 1, Outcome.DELIVERED, round=again.round), NOW, Random(1))
    assert [each.round for each in last.attempts] == [1, 2]


def test_one_attempt_past_the_bound_pushes_the_oldest_out() -> None:
    delivery = fresh()
    for number in range(ATTEMPTS_KEPT + 1):
        delivery = delivery.claimed("p", NOW + timedelta(seconds=number)).interrupted(NOW)
    assert len(delivery.attempts) == ATTEMPTS_KEPT
    assert delivery.attempts[0].start_time == NOW + timedelta(seconds=1)
    assert delivery.tries == ATTEMPTS_KEPT + 1


STEPS = st.lists(st.sampled_from(["interrupt", "replay", *Outcome]), max_size=25)


@on_a_busy_machine
@given(STEPS)
def test_whatever_happens_the_state_is_known_and_a_claim_is_held_only_while_sending(steps: list[str]) -> None:
    delivery = fresh()
    for step in steps:
        if delivery.state in ENDED:
            delivery = delivery.replayed("r", NOW) if step == "replay" else delivery
        elif step == "interrupt":
            delivery = delivery.claimed("p", NOW).interrupted(NOW)
        elif step != "replay":
            delivery = tried(delivery, Outcome(step))
        assert delivery.claimed_by == ""
        assert delivery.failures <= TRIES_LIMIT
        assert len(delivery.attempts) <= ATTEMPTS_KEPT
        assert (delivery.state in ENDED) is (delivery.state is not DeliveryState.WAITING)


@pytest.mark.parametrize("state", [DeliveryState.DEAD, DeliveryState.CANCELLED])
def test_giving_up_needs_no_try(state: DeliveryState) -> None:
    given_up = fresh().dead(NOW) if state is DeliveryState.DEAD else fresh().cancelled(NOW)
    assert (given_up.state, given_up.attempts) == (state, ())
