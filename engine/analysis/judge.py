"""The discriminator on a text and on a changed one: does it notice?"""

from dataclasses import dataclass

from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.progress import Progress
from engine.settings import CONFIG
from engine.subjects.pair import Pair
from engine.subjects.sentences import Text
from engine.tables import columns


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class JudgeSettings(Text):
    """A text and another version of it."""

    yours: str
    """The changed text."""


@dataclass(frozen=True)
class Judged(Result):
    """`tokens`, `verdicts` (P(replaced)): of the text as it was, [L]; `your_tokens`, `your_verdicts`: of the changed one."""

    tokens: list[str]
    verdicts: list[float]
    your_tokens: list[str]
    your_verdicts: list[float]

    def text(self) -> str:
        """The changed text, token by token."""
        rows = [(token, f"{verdict:.2f}") for token, verdict in zip(self.your_tokens, self.your_verdicts, strict=True)]
        return columns(rows, ("token", "P(replaced)"))


@analysis("judge", "Fool the discriminator", JudgeSettings, needs="pair")
def judge(pair: Pair, asked: JudgeSettings, progress: Progress = None) -> Judged:
    """The discriminator on both texts as they stand."""
    return Judged(*_judged(pair, asked.text), *_judged(pair, asked.yours))


def _judged(pair: Pair, text: str) -> tuple[list[str], list[float]]:
    Text(text=text)  # Neither may be empty.
    batch = dict(pair.tokenizer(text, return_tensors="pt", truncation=True, max_length=256).to(pair.device))
    ids = batch.pop("input_ids")
    return pair.tokenizer.convert_ids_to_tokens(ids[0].tolist()), pair.judged(ids, batch)
