"""Tone models as protobuf."""

from zhike.reputation.v1 import tone_service_pb2 as pb

from services.reputation.store.tone_models import Promotion


def tone_model_to_pb(promotion: Promotion, *, in_force: bool) -> pb.ToneModel:
    """Encode a model with its card."""
    card = promotion.card
    message = pb.ToneModel(
        version=promotion.version,
        in_force=in_force,
        digest=promotion.digest,
        data=card.data,
        data_digest=card.data_digest,
        texts=card.texts,
        copies=card.copies,
        by_label=card.by_label,
        by_language=card.by_language,
        accuracy=card.accuracy,
        majority=card.majority,
        calibration_error=card.calibration_error,
        accuracy_at_80=card.accuracy_at_80,
        decided=card.decided,
        decided_accuracy=card.decided_accuracy,
        features=card.features,
    )
    message.create_time.FromDatetime(promotion.create_time)
    message.promote_time.FromDatetime(promotion.promote_time)
    return message
