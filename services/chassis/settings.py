"""Settings of every process: read once from ZHIKE_*, overridden by ZHIKE_<SERVICE>_*, frozen afterwards.

A service subclasses ChassisSettings in its own settings.py and adds fields, each with a description. Nothing else
in the code reads the environment.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_origin
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.targets import target_of

PREFIX = "ZHIKE_"
ALSO_READ = "also_read"  # in a field's json_schema_extra: the variable of another program that says the same
EMBEDDED_LOG_PARTITIONS = 1
DISTRIBUTED_LOG_PARTITIONS = 8


class SettingsError(ZhikeError):
    """Variables that cannot be used; the message names each one and says why, never its value."""

    kind = ErrorKind.INVALID
    reason = "SETTINGS_INVALID"


def _is_document_store(value: str) -> str:
    if value in {"sqlite", "memory"} or value.startswith(("mongodb://", "mongodb+srv://")):
        return value
    raise ValueError("must be sqlite, memory or a mongodb:// address")


def _is_search_index(value: str) -> str:
    if value == "tantivy" or value.startswith(("http://", "https://")):
        return value
    raise ValueError("must be tantivy or the http(s):// address of an Elasticsearch")


def _is_index_prefix(value: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9-]{0,63}", value):
        return value
    raise ValueError("must be 1 to 64 lower-case letters, digits and -, and begin with a letter")


def _is_collector(value: str) -> str:
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("must be the http(s):// address of an OpenTelemetry collector")
    return value


def _is_address(value: str) -> str:
    if value:
        target_of(value)
    return value


def _is_time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("must be a name of the IANA database, such as Asia/Shanghai") from error
    return value


Address = Annotated[str, AfterValidator(_is_address)]
TimeZone = Annotated[str, AfterValidator(_is_time_zone)]
Port = Annotated[int, Field(ge=0, le=65_535)]


class ChassisSettings(BaseSettings):
    """What every process understands."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    data: Path = Field(
        Path("zhike-data"),
        description="Directory that holds everything this deployment stores.",
    )
    bind: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address that every port of the process listens on.",
    )
    port: Port = Field(0, description="gRPC port; 0 takes a free one.")
    metrics_port: Port = Field(0, description="Private port of /metrics; 0 takes a free one.")
    documents: Annotated[str, AfterValidator(_is_document_store)] = Field(
        "sqlite",
        description='Document store: "sqlite", a mongodb:// address (a database for each service, any number of '
        'replicas) or, for tests, "memory".',
    )
    search_index: Annotated[str, AfterValidator(_is_search_index)] = Field(
        "tantivy",
        description='Search index: "tantivy" in files, or the address of an Elasticsearch 8.19 or 9, '
        "http(s)://host:port, which replicas share.",
    )
    search_index_prefix: Annotated[str, AfterValidator(_is_index_prefix)] = Field(
        "zhike",
        description="How the names of this deployment's indexes on Elasticsearch begin: lower-case letters, digits, -.",
    )
    search_index_api_key: str = Field(
        "", repr=False, description="API key for Elasticsearch; or a name and password stand in its address."
    )
    search_index_ca: Path | None = Field(
        None, description="File with the certificates that Elasticsearch's must be signed by; unset: the system's."
    )
    artifacts: Literal["local", "gridfs"] = Field(
        "local",
        description='Blob store: "local" files or, beside documents on MongoDB, "gridfs", which replicas share.',
    )
    log_partitions: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Partitions of a log when it is created; unset: 1 embedded, 8 on MongoDB.",
    )
    replica: str = Field(
        "",
        max_length=200,
        description="The place that this process takes among the replicas of its service, kept over restarts, such as "
        "a StatefulSet's pod name: what the process before it there held is taken over at once, not after 3 s. "
        "Unset: nothing is known of a process before it.",
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto",
        description='Log lines as "json" or for a "console"; "auto" looks whether a terminal reads them.',
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is written.")
    drain_ms: int = Field(
        500,
        ge=0,
        le=60_000,
        description="How long a stopping process answers after it called itself NOT_SERVING.",
    )
    grace_ms: int = Field(
        10_000,
        ge=0,
        le=600_000,
        description="How long calls in flight may last after the drain.",
    )
    traces_endpoint: Annotated[str, AfterValidator(_is_collector)] = Field(
        "",
        description="OpenTelemetry collector that takes traces (OTLP over HTTP), http(s)://host:4318; "
        "empty: no traces are made.",
    )
    traces_ratio: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the requests without a traceparent that are traced; one with it follows its flag.",
    )
    knowledge_address: Address = Field(
        "",
        description='Where knowledge answers: "host:port", or its replicas\' IP addresses with ports, by commas.',
    )
    search_address: Address = Field(
        "",
        description='Where search answers: "host:port", or its replicas\' IP addresses with ports, by commas.',
    )
    recommendation_address: Address = Field(
        "",
        description='Where recommendation answers: "host:port", or its replicas\' IP addresses with ports, by commas.',
    )
    orders_address: Address = Field(
        "",
        description='Where orders answers: "host:port", or its replicas\' IP addresses with ports, by commas.',
    )
    reputation_address: Address = Field(
        "",
        description='Where reputation answers: "host:port", or its replicas\' IP addresses with ports, by commas.',
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from load_settings alone, so that a test's settings never depend on its environment."""
        return (init_settings,)

    @property
    def embedded(self) -> bool:
        """Exactly one process per service, its stores inside its own data directory."""
        return self.documents in {"sqlite", "memory"}

    @property
    def partitions(self) -> int:
        """Partitions that a new log gets."""
        return self.log_partitions or (EMBEDDED_LOG_PARTITIONS if self.embedded else DISTRIBUTED_LOG_PARTITIONS)

    def address_of(self, service: str) -> str:
        """Return where a service answers, for targets.target_of; raises SettingsError when it is not set."""
        address = str(getattr(self, f"{service}_address", ""))
        if not address:
            raise SettingsError(f"{variable(service + '_address')}: not set, so {service} cannot be reached")
        return address


SettingsT = TypeVar("SettingsT", bound=ChassisSettings)


def variable(field: str, service: str = "") -> str:
    """Return the name of the environment variable of a field, or of its override for one service."""
    return PREFIX + (f"{service}_{field}" if service else field).upper()


def load_settings(cls: type[SettingsT], service: str, env: Mapping[str, str] | None = None) -> SettingsT:
    """Read ``cls`` from the environment. Raises SettingsError that names every unusable variable."""
    environment = os.environ if env is None else env
    _refuse_unknown_overrides(cls, service, environment)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for field, info in cls.model_fields.items():
        for name in (variable(field, service), variable(field), *_also_read(info)):
            if environment.get(name, "") != "":
                values[field], sources[field] = (
                    _parsed(environment[name], info.annotation),
                    name,
                )
                break
    try:
        return cls(**values)
    except ValidationError as error:
        problems = [
            f"{sources.get(str(each['loc'][0]), variable(str(each['loc'][0])))}: {each['msg']}"
            for each in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("; ".join(problems)) from None


def _also_read(info: FieldInfo) -> tuple[str, ...]:
    extra = info.json_schema_extra
    return (str(extra[ALSO_READ]),) if isinstance(extra, dict) and ALSO_READ in extra else ()


def _parsed(text: str, annotation: Any) -> Any:
    """Split the text of a sequence at its commas; pydantic reads every other text by itself."""
    if get_origin(annotation) in {tuple, list, frozenset}:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _refuse_unknown_overrides(cls: type[ChassisSettings], service: str, environment: Mapping[str, str]) -> None:
    """A misspelt ZHIKE_<SERVICE>_* would otherwise be silently without effect."""
    known = {variable(field, service) for field in cls.model_fields} | {variable(field) for field in cls.model_fields}
    unknown = sorted(name for name in environment if name.startswith(variable("", service)) and name not in known)
    if unknown:
        raise SettingsError("; ".join(f"{name}: no such setting" for name in unknown))
