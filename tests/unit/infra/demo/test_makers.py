"""Makers: one invented name for each number."""

import pytest

from infra.demo.makers import NAMES, OWN_LABEL, maker_name


def test_every_number_has_a_name_of_its_own_in_both_languages() -> None:
    names = [maker_name(number) for number in range(NAMES)]
    assert len({name.en for name in names}) == NAMES
    assert len({name.zh for name in names}) == NAMES
    assert OWN_LABEL not in names


def test_a_name_never_changes() -> None:
    assert maker_name(764).brand == "Valastone 瓦亚石"


@pytest.mark.parametrize("number", [-1, NAMES])
def test_a_number_out_of_range_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="manufacturer number"):
        maker_name(number)
