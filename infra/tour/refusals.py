"""Steps of what is refused: each with its own problem and nothing lost."""

from typing import Any

from infra.tour.visit import Visit, check


async def unknown_product_is_a_404(visit: Visit) -> None:
    """A product that does not exist."""
    problem = await visit.get("/v1/products/no-such-product")
    _check_problem(visit, problem, 404, {"PRODUCT_NOT_FOUND", "NOT_FOUND"})


async def malformed_batch_is_a_400(visit: Visit) -> None:
    """A batch that is no batch."""
    problem = await visit.post("/v1/events", {"events": "not a list"})
    _check_problem(visit, problem, 400, None)


async def wrong_key_is_a_401(visit: Visit) -> None:
    """A key that nobody issued."""
    problem = await visit.get("/v1/insights/queries", key="sk_nobody")
    _check_problem(visit, problem, 401, None)


async def another_shoppers_cart_is_a_403(visit: Visit) -> None:
    """A browser's key asks for the cart of somebody else."""
    problem = await visit.get("/v1/cart", identifier="login:somebody-else")
    _check_problem(visit, problem, 403, None)


def _check_problem(visit: Visit, problem: dict[str, Any], status: int, reasons: set[str] | None) -> None:
    check(visit.last_status == status, f"answered {visit.last_status} instead of {status}")
    check(problem.get("status") == status and problem.get("title"), f"the body is no problem: {problem}")
    check(
        problem.get("reason") and (reasons is None or problem["reason"] in reasons), f"reason {problem.get('reason')}"
    )
