"""Settings of the gateway, read once from ZHIKE_* and ZHIKE_GATEWAY_*."""

from pydantic import Field

from services.chassis.settings import ChassisSettings, Port

MIB = 1024 * 1024


class GatewaySettings(ChassisSettings):
    """What the gateway understands beside what every process does."""

    http_port: Port = Field(8080, description="Port of the HTTP API and the pages; 0 takes a free one.")
    default_shop: str = Field(
        "main", min_length=1, max_length=64, description="Shop of what names none, and of keys made without one."
    )
    opinion_shop: str = Field(
        "", max_length=64, description="Shop whose mentions and alerts the console shows; unset: the default shop."
    )
    demo: bool = Field(False, description="Mount the demo shop at /shop with its small backend.")
    cors_origins: tuple[str, ...] = Field(
        ("*",), description="Origins whose pages may call the API; * for all: no route reads a cookie."
    )
    body_limit_bytes: int = Field(
        MIB, ge=1_024, le=64 * MIB, description="Largest body of a request that is not an import."
    )
    import_limit_bytes: int = Field(
        2_048 * MIB, ge=1_024, le=65_536 * MIB, description="Largest body of an import; it is streamed, never held."
    )
    shopper_rate_per_s: float = Field(
        20.0, ge=0, description="Requests per second of one visitor or shopper token; 0: no limit."
    )
    shopper_burst: int = Field(100, ge=1, description="Requests that one visitor or shopper may make at once.")
    publishable_rate_per_s: float = Field(
        2_000.0, ge=0, description="Requests per second of one publishable key over all its visitors; 0: no limit."
    )
    publishable_burst: int = Field(4_000, ge=1, description="Requests that one publishable key may make at once.")
    secret_rate_per_s: float = Field(
        1_000.0, ge=0, description="Requests per second of one secret key of scope shop or staff; 0: no limit."
    )
    secret_burst: int = Field(2_000, ge=1, description="Requests that one secret key may make at once.")
    load_rate_per_s: float = Field(0.0, ge=0, description="Requests per second of one key of scope load; 0: no limit.")
    failed_rate_per_s: float = Field(
        5.0, ge=0, description="Requests per second that one address may make with wrong credentials; 0: no limit."
    )
    failed_burst: int = Field(50, ge=1, description="Wrong credentials that one address may send at once.")
    key_cache_ms: int = Field(
        5_000, ge=0, le=60_000, description="How long a verified key is trusted before the store is asked again."
    )
    shopper_token_limit_s: int = Field(
        3_600, ge=60, le=3_600, description="Longest life of a shopper token; never above one hour."
    )
    console_url: str = Field(
        "",
        pattern=r"^(https?://[^/?#]+.*)?$",
        description="Where browsers find the console, https://host[:port]; empty: wherever the request says it went.",
    )
    staff_idle_s: int = Field(
        7_200, ge=60, le=604_800, description="How long a member of staff stays signed in without doing anything."
    )
    staff_life_s: int = Field(
        43_200, ge=300, le=2_592_000, description="How long a member of staff stays signed in at most."
    )
