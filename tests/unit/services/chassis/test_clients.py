"""Methods are declared against the protos; a client knows where each service answers."""

import pytest
from google.protobuf.empty_pb2 import Empty
from zhike.chassis.v1 import event_log_service_pb2 as pb

from services.chassis.clients import TIMEOUT_LIMIT_MS, Clients, declare_method
from services.chassis.metrics import Metrics
from services.chassis.settings import ChassisSettings, SettingsError

HEAD = "EventLogService/GetLogHead"


def test_a_declared_method_knows_its_path_and_types() -> None:
    method = declare_method("search", pb, HEAD, pb.GetLogHeadRequest, pb.LogHead, idempotent=True)
    assert method.path == "/zhike.chassis.v1.EventLogService/GetLogHead"
    assert (method.service, method.idempotent, method.response_type) == ("search", True, pb.LogHead)


def test_a_method_is_not_idempotent_unless_it_says_so() -> None:
    assert not declare_method("search", pb, HEAD, pb.GetLogHeadRequest, pb.LogHead).idempotent


@pytest.mark.parametrize("name", ["EventLogService/Nothing", "NoService/GetLogHead", "GetLogHead", ""])
def test_a_name_that_the_proto_does_not_have_fails_when_it_is_declared(name: str) -> None:
    with pytest.raises(ValueError, match="has no method"):
        declare_method("search", pb, name, pb.GetLogHeadRequest, pb.LogHead)


@pytest.mark.parametrize(("request_type", "response_type"), [(Empty, pb.LogHead), (pb.GetLogHeadRequest, Empty)])
def test_types_that_the_proto_does_not_have_fail_as_well(request_type: type, response_type: type) -> None:
    with pytest.raises(ValueError, match="takes and answers"):
        declare_method("search", pb, HEAD, request_type, response_type)


async def test_a_service_without_address_is_a_clear_error() -> None:
    clients = Clients(ChassisSettings(), Metrics())
    method = declare_method("knowledge", pb, HEAD, pb.GetLogHeadRequest, pb.LogHead)
    with pytest.raises(SettingsError, match="ZHIKE_KNOWLEDGE_ADDRESS"):
        await clients.call(method, pb.GetLogHeadRequest(), timeout_ms=TIMEOUT_LIMIT_MS)
    await clients.close()
