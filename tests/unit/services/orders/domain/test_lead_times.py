"""Lead times: from the exact group to the wide, assumptions first, observations as they come."""

import pytest

from services.orders.domain.durations import MAX_SAMPLES, durations_from_samples
from services.orders.domain.lead_times import (
    MAX_GROUPS,
    PICK_GROUPS,
    PICK_UP,
    LeadTimes,
    LeadTimeTableError,
    Observations,
    lane_groups,
    load_assumptions,
    own_assumptions,
    parcel_groups,
    stage_groups,
    widening,
)
from services.orders.domain.lifecycle import Parcel
from services.orders.domain.stage_catalog import own_stage_catalog

OWN = own_assumptions()
ASSUMED = LeadTimes(OWN)
HOURS = 3_600.0
SOUND = """
[stages]
unknown = { hours = [1, 2, 4] }
baking = { hours = [1, 2, 4], each = 0.5 }
[pick]
hours = [1, 2, 4]
[lanes]
"*" = { hours = [10, 20, 40] }
pickup = { hours = [1, 2, 4] }
US = { hours = [1, 5, 9] }
[parcels]
attempted = { hours = [10, 20, 40] }
"""


def observed(groups: tuple[str, ...], seconds: float, count: int) -> LeadTimes:
    observations = Observations()
    for _ in range(count):
        observations.add(groups, seconds)
    return LeadTimes(OWN, observations.durations())


def test_the_table_of_the_service_knows_every_stage_of_its_templates() -> None:
    assert set(own_stage_catalog().stages) <= set(OWN.stages)


def test_more_pieces_take_longer() -> None:
    one, five = ASSUMED.stage("cakes", "decorating", 1), ASSUMED.stage("cakes", "decorating", 5)
    assert five.median_s == pytest.approx(one.median_s + 4 * OWN.stages["decorating"].each_s)
    assert ASSUMED.stage("cakes", "glazing", 1).median_s == OWN.stages["unknown"].durations.median_s


def test_an_assumption_is_no_observation() -> None:
    assert ASSUMED.stage("cakes", "baking", 1).samples == 0
    assert ASSUMED.pick().samples == 0
    assert ASSUMED.transit("post", "US-OH").samples == 0


def test_a_lane_is_looked_for_by_its_destination_and_what_that_lies_in() -> None:
    table = LeadTimes(load_assumptions(SOUND))
    assert table.transit("", "US-OH").median_s == pytest.approx(5 * HOURS)
    assert table.transit("", "CN-31").median_s == pytest.approx(20 * HOURS)
    assert table.transit("post", PICK_UP).median_s == pytest.approx(2 * HOURS)
    assert list(widening("US-OH-452")) == ["US-OH-452", "US-OH", "US", "*"]
    assert list(widening(PICK_UP)) == [PICK_UP]
    assert list(widening("")) == ["*"]


def test_a_lanes_own_observations_say_more_than_the_countrys() -> None:
    slow = observed(lane_groups("post", "US-AK"), 300 * HOURS, 60)
    assert slow.transit("post", "US-AK").median_s > 250 * HOURS
    assert slow.transit("post", "US-AK").samples == 60
    assert slow.transit("post", "US-OH").median_s > 100 * HOURS  # of the same country: all that is known of it
    assert slow.transit("post", "US-OH").samples == 30
    assert slow.transit("", "DE-BE").samples == 15
    assert slow.transit("other", "US-OH").samples == 7  # another carrier to another place is little evidence


def test_a_stage_of_one_family_tells_a_little_of_another() -> None:
    seen = observed(stage_groups("cakes", "packing"), 2 * HOURS, 40)
    assert seen.stage("cakes", "packing", 1).samples == 40
    assert seen.stage("made-to-order", "packing", 1).samples == 20
    assert seen.stage("cakes", "baking", 1).samples == 0


def test_packing_and_parcels_are_observed_too() -> None:
    assert observed(PICK_GROUPS, HOURS, 30).pick().samples == 30
    attempted = observed(parcel_groups("post", Parcel.ATTEMPTED), 10 * HOURS, 30)
    again = attempted.parcel("post", Parcel.ATTEMPTED)
    assert again is not None
    assert again.samples == 30
    assert attempted.parcel("post", Parcel.IN_TRANSIT) is None


def test_observations_are_bounded_by_group_and_in_number() -> None:
    observations = Observations()
    for number in range(3 * MAX_SAMPLES):
        observations.add(PICK_GROUPS, float(number + 1))
    assert len(observations.samples["pick"]) <= 2 * MAX_SAMPLES
    assert observations.durations()["pick"] == durations_from_samples(observations.samples["pick"])
    full = Observations({f"group {number}": [1.0] for number in range(MAX_GROUPS)})
    full.add(("one more", "group 0"), 2.0)
    assert "one more" not in full.samples
    assert full.samples["group 0"] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("hours = [1, 2, 4], each = 0.5", "hours = [4, 2, 1]", "ascend"),
        ("hours = [1, 2, 4], each = 0.5", "hours = [1, 2]", "baking"),
        ("hours = [1, 2, 4], each = 0.5", 'hours = [1, 2, "4"]', "baking"),
        ("hours = [1, 2, 4], each = 0.5", "hours = [1, 2, true]", "baking"),
        ("each = 0.5", "each = -1", "each is 0"),
        ("each = 0.5", "each = 101", "each is 0"),
        ("unknown = ", "other = ", "unknown"),
        ('"*" = ', "DE = ", "'\\*'"),
        ("pickup = ", "DE = ", "pickup"),
        ("attempted = ", "flying = ", "flying"),
        ("[pick]", "[picking]", "pick"),
        ("[lanes]", "[lanes", "no TOML"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_the_place(old: str, new: str, words: str) -> None:
    assert old in SOUND
    with pytest.raises(LeadTimeTableError, match=words):
        load_assumptions(SOUND.replace(old, new, 1))
