"""What each profile needs to be told, and what contradicts it."""

import pytest

from infra.local.profile import ARTIFACTS, DOCUMENTS, SEARCH_INDEX, Profile, ProfileError, profile_environment

SERVERS = {DOCUMENTS: "mongodb://127.0.0.1:27017/zhike", SEARCH_INDEX: "http://127.0.0.1:9200"}


def test_without_servers_everything_is_embedded() -> None:
    assert profile_environment(None, {"PATH": "/bin"}) == (Profile.EMBEDDED, {"PATH": "/bin"})
    assert profile_environment(None, {DOCUMENTS: "sqlite", SEARCH_INDEX: "tantivy"})[0] is Profile.EMBEDDED


def test_servers_make_it_distributed_and_artifacts_lie_with_the_documents() -> None:
    for asked in (None, Profile.DISTRIBUTED):
        assert profile_environment(asked, SERVERS) == (Profile.DISTRIBUTED, {**SERVERS, ARTIFACTS: "gridfs"})


@pytest.mark.parametrize("missing", [DOCUMENTS, SEARCH_INDEX])
@pytest.mark.parametrize("asked", [None, Profile.DISTRIBUTED])
def test_a_server_that_is_not_named_is_asked_for_by_its_variable(missing: str, asked: Profile | None) -> None:
    with pytest.raises(ProfileError, match=missing) as caught:
        profile_environment(asked, {name: value for name, value in SERVERS.items() if name != missing})
    assert caught.value.metadata["variables"] == missing


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(ProfileError) as caught:
        profile_environment(Profile.DISTRIBUTED, {})
    assert caught.value.metadata["variables"] == f"{DOCUMENTS}, {SEARCH_INDEX}"


def test_a_local_store_is_no_server() -> None:
    with pytest.raises(ProfileError, match=ARTIFACTS):
        profile_environment(Profile.DISTRIBUTED, {**SERVERS, ARTIFACTS: "local"})
    with pytest.raises(ProfileError, match=DOCUMENTS):
        profile_environment(Profile.DISTRIBUTED, {**SERVERS, DOCUMENTS: "sqlite"})


def test_the_embedded_profile_refuses_variables_that_name_servers() -> None:
    with pytest.raises(ProfileError, match=f"{DOCUMENTS} and {SEARCH_INDEX} name servers"):
        profile_environment(Profile.EMBEDDED, SERVERS)
    with pytest.raises(ProfileError, match=f"{ARTIFACTS} names a server"):
        profile_environment(Profile.EMBEDDED, {ARTIFACTS: "gridfs"})
