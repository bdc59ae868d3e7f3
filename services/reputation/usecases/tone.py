"""The tone model in force as this process has it in memory; without one, tone is unknown and everything else works."""

from services.chassis.errors import ZhikeError
from services.chassis.logs import get_log
from services.reputation.domain.tone import Tone, ToneModel
from services.reputation.store.tone_models import ToneModelStore

log = get_log("tone")


class ToneInForce:
    """Judges by the model in force. ``refresh`` follows promotions; a repeated job and a start call it."""

    def __init__(self, models: ToneModelStore) -> None:
        self._models = models
        self._model: ToneModel | None = None
        self._digest = ""
        self.version = ""

    def tone_of(self, text: str, language: str) -> Tone | None:
        """Return the tone of a text, None without a model that knows its language."""
        return None if self._model is None else self._model.judge(text, language)

    async def refresh(self) -> None:
        """Load what was promoted since; a blob that cannot be read leaves the model that stands."""
        promotion = await self._models.in_force()
        if promotion is None or promotion.digest == self._digest:
            return
        try:
            self._model = await self._models.load(promotion.digest)
        except ZhikeError as error:
            log.error("tone model cannot be read", version=promotion.version, reason=error.reason)
            return
        self._digest, self.version = promotion.digest, promotion.version
        log.info("tone model in force", version=promotion.version, languages=sorted(self._model.languages))
