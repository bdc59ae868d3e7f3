"""The two ways in which the platform keeps its data, and what each needs to be told."""

from collections.abc import Mapping
from enum import StrEnum

from services.chassis.errors import ErrorKind, ZhikeError

DOCUMENTS, SEARCH_INDEX, ARTIFACTS = "ZHIKE_DOCUMENTS", "ZHIKE_SEARCH_INDEX", "ZHIKE_ARTIFACTS"
_SERVERS: Mapping[str, tuple[str, ...]] = {
    DOCUMENTS: ("mongodb://", "mongodb+srv://"),
    SEARCH_INDEX: ("http://", "https://"),
    ARTIFACTS: ("gridfs",),
}


class Profile(StrEnum):
    """Embedded: one data directory, one process for each service. Distributed: servers that replicas share."""

    EMBEDDED = "embedded"
    DISTRIBUTED = "distributed"


# Imported where a setting chooses them, which therefore stand beside what the processes name themselves.
ADAPTERS: Mapping[Profile, tuple[str, ...]] = {
    Profile.EMBEDDED: ("services.chassis.searchindex.tantivy",),
    Profile.DISTRIBUTED: (
        "services.chassis.documents.mongo",
        "services.chassis.searchindex.elastic",
        "services.chassis.artifacts.gridfs",
    ),
}


class ProfileError(ZhikeError):
    """The environment does not fit the profile; metadata ``variables`` names what is missing or contradicts it."""

    kind = ErrorKind.INVALID
    reason = "PROFILE"


def profile_of(environment: Mapping[str, str]) -> Profile:
    """Return the profile that the environment asks for: distributed as soon as one variable names a server."""
    return Profile.DISTRIBUTED if any(_names_server(environment, each) for each in _SERVERS) else Profile.EMBEDDED


def profile_environment(profile: Profile | None, environment: Mapping[str, str]) -> tuple[Profile, dict[str, str]]:
    """Return the profile, the environment's own where none is asked for, and what its processes inherit.

    Raises ProfileError. Distributed, artifacts lie in the documents' MongoDB without being told; RAY_ADDRESS may be
    missing: then the trainer starts a Ray of its own.
    """
    profile = profile or profile_of(environment)
    inherited = dict(environment)
    if profile is Profile.EMBEDDED:
        servers = [each for each in _SERVERS if _names_server(environment, each)]
        if servers:
            raise ProfileError(f"the embedded profile, but {_listed(servers)}", variables=", ".join(servers))
        return profile, inherited
    inherited.setdefault(ARTIFACTS, "gridfs")
    missing = [each for each in _SERVERS if not _names_server(inherited, each)]
    if missing:
        wanted = "; ".join(f"{each} must begin with {_SERVERS[each][0]}" for each in missing)
        raise ProfileError(f"the distributed profile needs servers: {wanted}", variables=", ".join(missing))
    return profile, inherited


def _names_server(environment: Mapping[str, str], variable: str) -> bool:
    return environment.get(variable, "").startswith(_SERVERS[variable])


def _listed(variables: list[str]) -> str:
    return " and ".join(variables) + (" names a server" if len(variables) == 1 else " name servers")
