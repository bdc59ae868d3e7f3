"""A person's own data as the gateway sees it: an archive that is ready, an erasure on its way, and what goes wrong."""

from typing import Any

from google.longrunning import operations_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from zhike.knowledge.v1 import privacy_service_pb2 as pb

from services.chassis.errors import NotFoundError

ERASURE_ID = "e" * 32
EXPORT_ID = "knowledge.export1"
RUNNING_EXPORT_ID = "knowledge.export2"
ARCHIVE_DIGEST = "ab" * 32  # of the file that the fake of ReadArtifact streams
TIME = Timestamp(seconds=1_770_000_000)


class ExportMissingError(NotFoundError):
    reason = "EXPORT_NOT_FOUND"


class FakePrivacy:
    """The methods of PrivacyService, for FakeServices."""

    archive_digest = ARCHIVE_DIGEST

    def _EraseCustomer(self, request: Any) -> Any:
        return erasure(requested_by=request.requested_by)

    def _GetErasure(self, request: Any) -> Any:
        if request.id == "nobody":
            raise NotFoundError("there is no receipt of this id", resource="erasure", id=request.id)
        return erasure()

    def _ListErasures(self, request: Any) -> Any:
        return pb.ListErasuresResponse(erasures=[erasure(), erasure(state="done")], next_page_token="next")

    def _ExportCustomer(self, request: Any) -> Any:
        return operations_pb2.Operation(name=RUNNING_EXPORT_ID)

    def _GetExport(self, request: Any) -> Any:
        if request.only_identifiers and "login:stranger" in request.only_identifiers:
            raise ExportMissingError("there is no export of this id", resource="export", id=request.id)
        export = pb.PersonExport(id=request.id, state="running", create_time=TIME)
        if request.id != RUNNING_EXPORT_ID:
            export.MergeFrom(
                pb.PersonExport(
                    state="ready",
                    expire_time=TIME,
                    size_bytes=2_048,
                    digest=self.archive_digest,
                    files=["README.en.txt", "knowledge/profile.json"],
                )
            )
        return export

    def _FindErased(self, request: Any) -> Any:
        return pb.FindErasedResponse()


def erasure(state: str = "logs", requested_by: str = "shopper") -> pb.Erasure:
    """A receipt."""
    receipt = pb.Erasure(id=ERASURE_ID, state=state, requested_by=requested_by or "shopper", request_time=TIME)
    for name in ("knowledge", "orders", "recommendation", "reputation", "search"):
        service = pb.ServiceErasure(service=name, counts={"events": 3, "names": 5}, proof="ab" * 16)
        service.logs_time.CopyFrom(TIME)
        receipt.services.append(service)
    receipt.progress_percent = 100 if state == "done" else 50
    if state == "done":
        receipt.done_time.CopyFrom(TIME)
        receipt.proof = "cd" * 32
    return receipt
