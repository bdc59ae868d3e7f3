"""The remote methods behind the routes of tone models."""

from typing import Final

from google.longrunning import operations_pb2
from zhike.reputation.v1 import tone_service_pb2
from zhike.type.v1 import import_pb2

from gateway.clients import READ_TIMEOUT_MS, WRITE_TIMEOUT_MS, Remote
from services.chassis.clients import declare_method

_SERVICE: Final = "reputation"

TRAIN_TONE: Final = declare_method(
    _SERVICE,
    tone_service_pb2,
    "ToneService/TrainTone",
    import_pb2.ImportRequest,
    operations_pb2.Operation,
)
LIST_TONE_MODELS: Final = Remote(
    declare_method(
        _SERVICE,
        tone_service_pb2,
        "ToneService/ListToneModels",
        tone_service_pb2.ListToneModelsRequest,
        tone_service_pb2.ListToneModelsResponse,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
PROMOTE_TONE_MODEL: Final = Remote(
    declare_method(
        _SERVICE,
        tone_service_pb2,
        "ToneService/PromoteToneModel",
        tone_service_pb2.PromoteToneModelRequest,
        tone_service_pb2.ToneModel,
        idempotent=True,  # what is in force already stays
    ),
    WRITE_TIMEOUT_MS,
)
