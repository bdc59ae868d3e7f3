"""Settings of search are read strictly."""

import pytest

from services.chassis.settings import SettingsError, load_settings
from services.search.settings import SearchSettings


def test_the_shop_lives_in_shanghai_unless_told() -> None:
    assert load_settings(SearchSettings, "search", {}).zone.key == "Asia/Shanghai"
    told = load_settings(SearchSettings, "search", {"ZHIKE_TIME_ZONE": "America/New_York"})
    assert told.zone.key == "America/New_York"


@pytest.mark.parametrize("env", [{"ZHIKE_TIME_ZONE": "Mars/Olympus"}, {"ZHIKE_SEARCH_UPLOAD_LIMIT_BYTES": "1"}])
def test_what_cannot_be_used_is_named(env: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=next(iter(env))):
        load_settings(SearchSettings, "search", env)
