"""Labelled texts for tests: short reviews made of words of one side, some noise, and a few words of the other."""

from random import Random

GOOD = ("好吃", "新鲜", "满意", "推荐", "很快", "赞", "划算", "精致")
BAD = ("难吃", "变质", "失望", "差评", "太慢", "恶心", "坑人", "破损")
NOISE = ("蛋糕", "外卖", "今天", "朋友", "这家", "的", "了", "一份", "味道", "店")


def reviews(count: int, *, seed: int = 7, noise: float = 0.1) -> tuple[list[str], list[bool]]:
    """Return ``count`` texts and whether each is positive; ``noise`` of them say the other side's words."""
    chance = Random(seed)
    texts, labels = [], []
    for _ in range(count):
        positive = chance.random() < 0.5
        side = (GOOD, BAD)[positive is (chance.random() < noise)]
        words = [*chance.choices(NOISE, k=chance.randint(3, 8)), *chance.choices(side, k=chance.randint(1, 3))]
        chance.shuffle(words)
        texts.append("".join(words))
        labels.append(positive)
    return texts, labels
