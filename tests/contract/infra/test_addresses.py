"""Where a deployment may listen, asked of the machine's own sockets."""

from pathlib import Path

import pytest

from infra.local.plan import BindError, plan_deployment


@pytest.mark.parametrize("bind", ["::1", "::", "203.0.113.7"])
def test_an_address_that_cannot_be_listened_on_is_refused_by_name(bind: str) -> None:
    with pytest.raises(BindError, match="ZHIKE_BIND"):
        plan_deployment(Path("/data"), bind=bind, http_port=8080, demo=False, environment={})
