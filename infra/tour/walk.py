"""The steps in order, and the report of a walk."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from infra.tour import (
    administration,
    delivery,
    desk,
    identity,
    merchandising,
    opinion,
    own_data,
    refusals,
    reputation,
    shopping,
)
from infra.tour.visit import Exchange, StepFailedError, Visit

KEPT_EXCHANGES = 6

Step = Callable[[Visit], Awaitable[None]]

STEPS: tuple[Step, ...] = (
    shopping.zh_query_finds_products,
    shopping.en_query_finds_products,
    shopping.suggestion_completes_a_beginning,
    shopping.typo_is_repaired,
    shopping.click_and_purchase_change_the_list,
    identity.card_login_and_phone_are_one_customer,
    identity.unmerge_is_exact_and_lasts,
    delivery.promise_is_made_before_the_purchase,
    delivery.order_passes_through_production_to_the_door_live,
    reputation.burst_raises_one_alert,
    reputation.acknowledging_stops_the_escalation,
    reputation.resolving_closes_the_alert,
    reputation.signed_webhooks_were_received_and_verify,
    refusals.unknown_product_is_a_404,
    refusals.malformed_batch_is_a_400,
    refusals.wrong_key_is_a_401,
    refusals.another_shoppers_cart_is_a_403,
    delivery.another_shoppers_order_is_a_403,
    delivery.expired_link_to_an_order_is_a_401,
)
# What each role does at the console, and a shopper with their own data; the trail comes last, for it tells of the rest.
ROLE_STEPS: tuple[Step, ...] = (
    merchandising.merchandiser_sees_what_is_searched,
    merchandising.control_shows_in_a_preview_then_live_then_paused,
    merchandising.scene_is_in_the_shop_while_it_is_live,
    opinion.pr_reads_what_is_said,
    opinion.pr_takes_comments_and_resolves_an_alert,
    desk.desk_sees_the_whole_customer,
    desk.desk_opens_answers_and_closes_a_case,
    desk.desk_plans_a_contact_and_says_what_came_of_it,
    desk.withdrawn_consent_holds,
    desk.desk_erases_a_customer_at_their_word,
    own_data.shopper_reads_what_is_known,
    own_data.shopper_takes_everything_along,
    own_data.shopper_is_erased_with_a_receipt,
    administration.analyst_reads_and_changes_nothing,
    administration.admin_sees_the_system,
    administration.admin_makes_and_disables_an_account,
    administration.admin_makes_a_key_and_takes_it_back,
    administration.audit_trail_tells_who_did_what,
)
EVERY_STEP = (*STEPS, *ROLE_STEPS)


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step's outcome. ``evidence`` holds its last exchanges; ``seen`` says what failed."""

    name: str
    purpose: str
    ok: bool
    seen: str
    evidence: tuple[Exchange, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the public form."""
        shown = [each.as_json() for each in self.evidence]
        return {"name": self.name, "ok": self.ok, "evidence": {"seen": self.seen, "exchanges": shown}}


async def walk(
    visit: Visit, on_step: Callable[[StepReport], None] = lambda _: None, *, steps: Sequence[Step] = STEPS
) -> tuple[StepReport, ...]:
    """Take the steps; one that fails does not stop the walk."""
    reports = []
    try:
        for step in steps:
            report = await take_step(visit, step)
            on_step(report)
            reports.append(report)
    finally:
        await visit.tidy()
    return tuple(reports)


async def take_step(visit: Visit, step: Step) -> StepReport:
    """Take one step and report it."""
    visit.shown.clear()
    seen = ""
    try:
        await step(visit)
    except StepFailedError as failure:
        seen = str(failure)
    except (httpx.HTTPError, KeyError, TypeError, IndexError) as failure:
        seen = f"{type(failure).__name__}: {failure}"
    return StepReport(
        name=step.__name__.replace("_", "-"),
        purpose=(step.__doc__ or "").strip(),
        ok=not seen,
        seen=seen or "as promised",
        evidence=tuple(visit.shown[-KEPT_EXCHANGES:]),
    )
