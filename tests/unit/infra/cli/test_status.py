"""``zhike status`` names what processes must do without."""

from infra.cli.commands.status import _degraded


def test_every_part_of_every_process_is_named_and_a_service_that_is_away_has_none() -> None:
    system = {
        "services": [
            {"service": "knowledge", "degraded": {"documents": "slow", "document-writes": "OutOfDiskSpace"}},
            {"service": "search", "ready": False, "reason": "UNAVAILABLE"},
        ],
        "gateway": {"degraded": {"document-writes": "SQLITE_FULL"}},
    }
    assert _degraded(system) == [
        ("knowledge", "document-writes", "OutOfDiskSpace"),
        ("knowledge", "documents", "slow"),
        ("gateway", "document-writes", "SQLITE_FULL"),
    ]
