"""Steps of PR staff: what is said, and the tour's alert in somebody's hands, begun anew and brought to its end."""

from typing import Final

from infra.tour.seat import take_seat
from infra.tour.visit import Visit, check

ROLE: Final = "pr"
COMMENTS: Final = ("the tour calls the maker", "the maker answers the press", "the batch is off the shelves")


async def pr_reads_what_is_said(visit: Visit) -> None:
    """PR staff sign in and read the mentions of the tour's shop, each with its tone and its source."""
    seat = await take_seat(visit, ROLE)
    rows = await seat.rows(f"/mentions?shop=tour-{visit.number}&fold=no", "mentions")
    check(rows, "no mention of the tour's shop is listed")
    check(all(row["Tone"] and row["Source"] for row in rows), "a mention has no tone or no source")
    await seat.open("/alerts")
    await seat.open("/sources")


async def pr_takes_comments_and_resolves_an_alert(visit: Visit) -> None:
    """The tour's alert is opened again, taken in hand, commented on, resolved and closed; its history says by whom."""
    seat = await take_seat(visit, ROLE)
    path = f"/alerts/{visit.noted['alert']}"
    await seat.send(path, "reopen", {"comment": "the tour is not done with it"})
    await seat.send(path, "take", {"comment": COMMENTS[0]})
    await seat.send(path, "mitigate", {"comment": COMMENTS[1]})
    await seat.send(path, "resolve", {"comment": COMMENTS[2]})
    await seat.send(path, "close")
    alert = await visit.get(f"/v1{path}", key="staff")
    check(alert["state"] == "closed", f"it is {alert['state']}")
    said = {entry["comment"]: entry["actor"] for entry in alert["history"] if entry["comment"] in COMMENTS}
    check(set(said) == set(COMMENTS), f"the history keeps {sorted(said)} only")
    check(set(said.values()) == {alert["owner"]}, f"it was done by {set(said.values())}, owned by {alert['owner']}")
