"""Which processes make up the platform and with which settings each starts."""

import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.profile import ADAPTERS, Profile
from services.chassis.errors import ErrorKind, ZhikeError

SERVICES = ("knowledge", "search", "recommendation", "orders", "reputation")
GATEWAY = "gateway"
WORKSHOP = "workshop"  # the demo's alone
DEFAULT_HTTP_PORT = 8080
DEMO_TIME_ZONE = "America/New_York"  # where the shop of the demo's data stands
ALLOWED_HOSTS = "ZHIKE_WEBHOOK_ALLOWED_HOSTS"
DEMO_SHOP = "demo"  # that the demo's mentions are about
DEMO_CALENDAR = "US+weekends"
REPLICA_LIMIT = 200  # as the setting's


@dataclass(frozen=True, slots=True)
class Process:
    """One process to run. ``health``: "grpc" asks the health service of ``port``, "http" asks /healthz, "" nobody."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    port: int
    metrics_port: int
    health: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The processes of one deployment on this machine, in start order."""

    data: Path
    bind: str
    http_port: int
    demo: bool
    processes: tuple[Process, ...]
    profile: Profile = Profile.EMBEDDED
    receiver: str = ""  # host:port of the demo, to which webhooks may go although it is no public host

    @property
    def host(self) -> str:
        """Return the host under which everything is reached from this machine."""
        return _connect_host(self.bind)

    @property
    def modules(self) -> tuple[str, ...]:
        """Return what the processes import: their own modules, and the adapters that their profile chooses."""
        own = [each.command[2] for each in self.processes if each.command[1] == "-m"]
        return (*own, *ADAPTERS[self.profile])

    @property
    def url(self) -> str:
        """Return the gateway's address for a person's browser."""
        return f"http://{self.host}:{self.http_port}"


class BindError(ZhikeError):
    """ZHIKE_BIND names no address of this machine that can be listened on."""

    kind = ErrorKind.INVALID
    reason = "BIND_INVALID"


class PortTakenError(ZhikeError):
    """Somebody else listens on the HTTP port."""

    kind = ErrorKind.CONFLICT
    reason = "PORT_TAKEN"


def refuse_taken_port(bind: str, port: int) -> None:
    """Raise PortTakenError when somebody listens there: whoever does would be taken for our gateway. Or BindError."""
    _check_bind(bind)
    try:
        socket.create_server((bind, port)).close()
    except OSError as error:
        message = f"HTTP cannot listen on {bind}:{port}: {error.strerror or error}; choose another port with --port"
        raise PortTakenError(message) from error


def free_ports(count: int, bind: str = "127.0.0.1") -> tuple[int, ...]:
    """Return ``count`` different free TCP ports. They are only kept free by nobody else wanting them meanwhile."""
    _check_bind(bind)
    held = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for each in held:
            each.bind((bind, 0))
        return tuple(each.getsockname()[1] for each in held)
    finally:
        for each in held:
            each.close()


def plan_deployment(
    data: Path,
    *,
    bind: str,
    http_port: int,
    demo: bool,
    environment: Mapping[str, str],
    profile: Profile = Profile.EMBEDDED,
    choose_ports: Callable[[int, str], tuple[int, ...]] = free_ports,
) -> Plan:
    """Lay out every process with its ports; ``environment`` is what all of them inherit."""
    ports = choose_ports(2 * len(SERVICES) + 2, bind)
    grpc_ports = dict(zip(SERVICES, ports, strict=False))
    metrics_ports = dict(zip((*SERVICES, GATEWAY), ports[len(SERVICES) :], strict=False))
    host = _connect_host(bind)
    shared = {
        **environment,
        "ZHIKE_DATA": str(data),
        "ZHIKE_BIND": bind,
        "ZHIKE_REPLICA": environment.get("ZHIKE_REPLICA") or replica_of(data),
        "PYTHONUNBUFFERED": "1",
        "GRPC_ENABLE_FORK_SUPPORT": "0",  # its handlers crash the children that a service starts
        **{f"ZHIKE_{name.upper()}_ADDRESS": f"{host}:{port}" for name, port in grpc_ports.items()},
    }
    receiver = f"{host}:{ports[-1]}" if demo else ""
    if demo:
        shared |= _demo_settings(shared, receiver)
    services = tuple(
        _service(name, shared, port=grpc_ports[name], metrics_port=metrics_ports[name]) for name in SERVICES
    )
    gateway = Process(
        name=GATEWAY,
        command=(sys.executable, "-m", "gateway.main"),
        environment={
            **shared,
            "ZHIKE_HTTP_PORT": str(http_port),
            "ZHIKE_GATEWAY_METRICS_PORT": str(metrics_ports[GATEWAY]),
        },
        port=http_port,
        metrics_port=metrics_ports[GATEWAY],
        health="http",
        after=SERVICES,
    )
    processes = (*services, gateway)
    if demo:
        processes = (*processes, _workshop(shared, f"http://{host}:{http_port}", data))
    return Plan(
        data=data,
        bind=bind,
        http_port=http_port,
        demo=demo,
        processes=processes,
        profile=profile,
        receiver=receiver,
    )


def replica_of(data: Path) -> str:
    """Return the place of what runs on a data directory: its lock lets nobody else run there."""
    return f"{socket.gethostname()}:{data.absolute()}"[-REPLICA_LIMIT:]


def _demo_settings(environment: Mapping[str, str], receiver: str) -> dict[str, str]:
    """Return what the demo sets beside what the operator says; the operator's own word holds."""
    usual = {
        # The demo's households have agreed to be known; a real shop's customers are asked first.
        "ZHIKE_DEFAULT_CONSENT": "granted",
        "ZHIKE_SHOP_TIME_ZONE": DEMO_TIME_ZONE,
        "ZHIKE_SHOP_CALENDAR": DEMO_CALENDAR,
        "ZHIKE_OPINION_SHOP": DEMO_SHOP,
    }
    allowed = [environment.get(ALLOWED_HOSTS, ""), receiver]
    return {
        **{name: value for name, value in usual.items() if name not in environment},
        "ZHIKE_DEMO": "true",
        ALLOWED_HOSTS: ",".join(filter(None, allowed)),
    }


def _workshop(shared: Mapping[str, str], url: str, data: Path) -> Process:
    """Return the demo's simulated workshop and carriers."""
    command = (sys.executable, "-m", "infra.demo.workshop", "--url", url, "--data", str(data))
    return Process(
        name=WORKSHOP, command=command, environment=shared, port=0, metrics_port=0, health="", after=(GATEWAY,)
    )


def _service(name: str, shared: Mapping[str, str], *, port: int, metrics_port: int) -> Process:
    prefix = f"ZHIKE_{name.upper()}"
    return Process(
        name=name,
        command=(sys.executable, "-m", f"services.{name}.main"),
        environment={**shared, f"{prefix}_PORT": str(port), f"{prefix}_METRICS_PORT": str(metrics_port)},
        port=port,
        metrics_port=metrics_port,
        health="grpc",
    )


def _connect_host(bind: str) -> str:
    """A process that listens everywhere is reached at the loopback address."""
    return "127.0.0.1" if bind in {"0.0.0.0", "::"} else bind  # noqa: S104 - compared, not bound


def _check_bind(bind: str) -> None:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((bind, 0))
    except OSError as error:
        message = f"ZHIKE_BIND is an IPv4 address or a host name of this machine, not {bind!r}: {error.strerror}"
        raise BindError(message) from error
