"""One token's row of TextAT's table: how it grew, where it points, what lies near it."""

from dataclasses import dataclass

from pydantic.dataclasses import dataclass as settings_dataclass

from engine.analysis import Result, analysis
from engine.errors import UserError
from engine.progress import Progress
from engine.runs.run import Run
from engine.settings import CONFIG, Settings
from engine.subjects.table import SPACES, cosines, growth, model_side, neighbours, table_state, tokenizer_of, vectors
from engine.tables import columns


@settings_dataclass(config=CONFIG, kw_only=True, frozen=True)
class TokenSettings(Settings):
    """Which token."""

    token: str
    """The token, as the tokenizer writes it."""


@dataclass(frozen=True)
class TokenRow(Result):
    """`norm`: ‖Z[w]‖_2. `count`: times met in training. `cosine`: with the class direction; `mean_cosine`: over all rows.
    `growth`: (step, norm). `neighbours`: by space, the nearest tokens with their distances.
    """

    token: str
    norm: float
    count: int
    cosine: float
    mean_cosine: float
    growth: list[tuple[int, float]]
    neighbours: dict[str, list[tuple[str, float]]]

    def text(self) -> str:
        """The figures, then the neighbours."""
        near = [(space, ", ".join(name for name, _ in each)) for space, each in self.neighbours.items()]
        text = f"|Z[{self.token}]| = {self.norm:.4f}, met {self.count} times, cosine with the class direction"
        return f"{text} {self.cosine:+.3f}\n" + columns(near, ("space", "nearest"))


@analysis("token", "A row of TextAT's table", TokenSettings, needs="run")
def token(run: Run, asked: TokenSettings, progress: Progress = None) -> TokenRow:
    """One token's row of a run's table.

    Raises:
        UserError: the token was never met in training.
    """
    state = table_state(run)
    names = tokenizer_of(run.config["model"]).convert_ids_to_tokens(state.tokens.tolist())
    if asked.token not in names:
        raise UserError(f"The token {asked.token[:40]!r} was never met in the training of {run.id}.")
    embeddings, direction = model_side(run)
    place = names.index(asked.token)
    cosine = cosines(state.rows, direction)
    return TokenRow(
        token=asked.token,
        norm=float(state.norms[place]),
        count=int(state.counts[place]),
        cosine=float(cosine[place]),
        mean_cosine=float(cosine.mean()),
        growth=growth(run, [int(state.tokens[place])])[int(state.tokens[place])],
        neighbours={
            space: [(names[at], distance) for at, distance in neighbours(vectors(state, embeddings, space), place)]
            for space in SPACES
        },
    )
