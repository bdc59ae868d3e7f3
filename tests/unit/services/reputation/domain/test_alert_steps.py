"""Persons take an alert through its life; what a state does not allow is refused and changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from services.reputation.domain import alert_steps as limits
from services.reputation.domain.alert_steps import (
    acknowledge,
    close,
    comment_on,
    mitigate,
    reopen,
    resolve,
    resolve_by_itself,
)
from services.reputation.domain.alerts import (
    COMMENTS_LIMIT,
    HISTORY_LIMIT,
    HISTORY_RESERVE,
    Alert,
    AlertState,
    Cause,
    CauseKind,
    EntryKind,
)
from services.reputation.domain.errors import AlertCommandError, AlertCommentTakenError, AlertFullError, AlertStateError
from services.reputation.domain.escalation import Suppression, unsuppressed
from tests.unit.services.reputation.domain.alert_builders import after, raised


def taken(alert: Alert, owner: str = "li") -> Alert:
    return acknowledge(alert, actor="li", owner=owner, comment="on it", now=after(3))


def resolved(alert: Alert) -> Alert:
    return resolve(alert, actor="li", comment="statement published", now=after(30))


def reopened(alert: Alert, **said: Any) -> Alert:
    fields: dict[str, Any] = {"actor": "wang", "comment": "it goes on", "is_newest": True, "suppress": unsuppressed}
    return reopen(alert, now=after(90), **{**fields, **said})


def commented(alert: Alert, **said: Any) -> Alert:
    fields: dict[str, Any] = {"actor": "li", "comment": "a word", "request": "r-1"}
    return comment_on(alert, now=after(4), **{**fields, **said})


STEPS: dict[str, Callable[[Alert], Alert]] = {
    "acknowledge": taken,
    "mitigate": lambda alert: mitigate(alert, actor="li", comment="", now=after(5)),
    "resolve": resolved,
    "close": lambda alert: close(alert, actor="li", comment="", now=after(60)),
    "reopen": reopened,
}
IN_STATE = {
    "open": raised,
    "acknowledged": lambda: taken(raised()),
    "mitigating": lambda: STEPS["mitigate"](taken(raised())),
    "resolved": lambda: resolved(taken(raised())),
    "closed": lambda: STEPS["close"](resolved(taken(raised()))),
}
ALLOWED = {
    ("open", "acknowledge"): "acknowledged",
    ("open", "resolve"): "resolved",
    ("open", "reopen"): "open",
    ("acknowledged", "acknowledge"): "acknowledged",
    ("acknowledged", "mitigate"): "mitigating",
    ("acknowledged", "resolve"): "resolved",
    ("mitigating", "acknowledge"): "mitigating",
    ("mitigating", "mitigate"): "mitigating",
    ("mitigating", "resolve"): "resolved",
    ("resolved", "resolve"): "resolved",
    ("resolved", "close"): "closed",
    ("resolved", "reopen"): "open",
    ("closed", "close"): "closed",
    ("closed", "reopen"): "open",
}


@pytest.mark.parametrize("state", IN_STATE)
@pytest.mark.parametrize("step", STEPS)
def test_each_state_allows_what_the_table_says(state: str, step: str) -> None:
    alert = IN_STATE[state]()
    assert alert.life.state == state
    wanted = ALLOWED.get((state, step))
    if wanted is None:
        with pytest.raises(AlertStateError) as refused:
            STEPS[step](alert)
        assert refused.value.metadata["state"] == state
        return
    done = STEPS[step](alert)
    assert done.life.state == wanted
    assert STEPS[step](done) is done  # the same call again changes nothing


def test_the_history_says_who_did_what_and_why() -> None:
    alert = STEPS["close"](resolved(STEPS["mitigate"](taken(raised(), owner="wang"))))
    assert [entry.kind for entry in alert.history] == [
        EntryKind.RAISED,
        EntryKind.NOTIFIED,
        EntryKind.ACKNOWLEDGED,
        EntryKind.NOTIFIED,
        EntryKind.MITIGATING,
        EntryKind.RESOLVED,
        EntryKind.NOTIFIED,
        EntryKind.CLOSED,
    ]
    took = alert.history[2]
    assert (took.actor, took.owner, took.comment, took.time) == ("li", "wang", "on it", after(3))
    assert alert.history[5].comment == "statement published"
    assert alert.life.owner == "wang"


def test_who_acknowledges_without_a_name_for_the_owner_is_the_owner() -> None:
    assert acknowledge(raised(), actor="li", owner="", comment="", now=after(1)).life.owner == "li"


def test_another_owner_takes_it_over() -> None:
    alert = taken(taken(raised(), owner="li"), owner="wang")
    assert alert.life.owner == "wang"
    assert alert.history[-1].kind is EntryKind.HANDED_OVER


def test_a_new_life_has_no_owner_and_is_paged_anew() -> None:
    alert = reopened(resolved(taken(raised())))
    assert (alert.life.number, alert.life.owner, alert.life.state) == (2, "", AlertState.OPEN)
    assert Cause(2, CauseKind.RAISED) in alert.life.causes
    assert alert.life.paged_time == after(90)


def test_a_group_with_a_later_alert_goes_on_there() -> None:
    with pytest.raises(AlertStateError, match="later alert"):
        reopened(resolved(raised()), is_newest=False)


def test_who_was_never_paged_is_not_told_of_the_end() -> None:
    quiet = raised(suppress=lambda _: Suppression("silence:s1"))
    done = resolved(quiet)
    assert not done.life.causes
    assert not done.life.withheld  # nobody is woken for what is over
    assert EntryKind.NOTIFIED not in [entry.kind for entry in done.history]


def test_what_ends_by_itself_is_resolved_by_nobody() -> None:
    done = resolve_by_itself(raised(), now=after(9), comment="it speaks again")
    assert done.life.state is AlertState.RESOLVED
    assert [entry.actor for entry in done.history if entry.kind is EntryKind.RESOLVED] == ["system"]
    assert resolve_by_itself(done, now=after(10), comment="again") is done


@pytest.mark.parametrize("step", ["resolve", "reopen"])
def test_a_step_that_needs_a_reason_is_refused_without_one(step: str) -> None:
    alert = resolved(raised()) if step == "reopen" else raised()
    with pytest.raises(AlertCommandError) as refused:
        if step == "reopen":
            reopened(alert, comment="  ")
        else:
            resolve(alert, actor="li", comment=" \n", now=after(1))
    assert refused.value.metadata["field"] == "comment"


@pytest.mark.parametrize("actor", ["", "  ", "x" * (limits.PERSON_LIMIT + 1), "li\u202e", "li\x00", "li\nwang"])
def test_a_name_that_is_none_is_refused(actor: str) -> None:
    with pytest.raises(AlertCommandError) as refused:
        mitigate(taken(raised()), actor=actor, comment="", now=after(4))
    assert refused.value.metadata["field"] == "actor"


def test_a_comment_has_a_bound_and_no_tricks() -> None:
    longest = "好" * limits.COMMENT_LIMIT
    assert resolve(raised(), actor="li", comment=longest, now=after(1)).history[-2].comment == longest
    for comment in (longest + "好", "gone\u202e", "bell\x07", "half\ud800"):
        with pytest.raises(AlertCommandError):
            resolve(raised(), actor="li", comment=comment, now=after(1))
    family = "👨\u200d👩\u200d👧 thanks\r\nall"
    assert "\u200d" in resolve(raised(), actor="li", comment=family, now=after(1)).history[-2].comment


@pytest.mark.parametrize("state", IN_STATE)
def test_a_comment_stands_in_the_history_and_leaves_the_alert_as_it_is(state: str) -> None:
    alert = IN_STATE[state]()
    said = commented(alert)
    assert said.life == alert.life
    assert (said.history[-1].kind, said.history[-1].actor, said.history[-1].comment) == ("commented", "li", "a word")
    assert commented(said) is said  # the same request again
    with pytest.raises(AlertCommentTakenError):
        commented(said, comment="another word")
    with pytest.raises(AlertCommentTakenError):
        commented(said, actor="wang")
    assert len(commented(said, request="r-2").history) == len(said.history) + 1
    with pytest.raises(AlertCommandError):
        commented(alert, comment=" ")


def test_an_alert_takes_so_many_comments_and_goes_on_without_more() -> None:
    alert = raised()
    for number in range(COMMENTS_LIMIT):
        alert = commented(alert, request=f"r-{number}")
    with pytest.raises(AlertFullError):
        commented(alert, request="one more")
    assert commented(alert, request="r-7") is alert
    assert taken(alert).life.owner == "li"


def test_a_full_history_can_still_be_ended() -> None:
    alert = taken(raised())
    for number in range(HISTORY_LIMIT - HISTORY_RESERVE - len(alert.history)):
        alert = taken(alert, owner=f"owner {number}")
    assert not alert.has_room
    with pytest.raises(AlertFullError):
        taken(alert, owner="one more")
    done = STEPS["close"](resolved(alert))
    assert done.life.state is AlertState.CLOSED
    with pytest.raises(AlertFullError):
        reopened(done)
    assert len(done.history) <= HISTORY_LIMIT
