"""Figures over the tokens of a text; of a long one those with the largest values are named."""

from collections.abc import Iterable, Mapping, Sequence

import plotly.graph_objects as go

from app.drawing import figures


def largest_places(rows: Iterable[Sequence[float]], most: int = figures.MOST_TOKENS) -> list[int]:
    """Which tokens are drawn of a long text, in their order: those with the largest amounts in any row; all of a short one."""
    peaks = [max(map(abs, column)) for column in zip(*rows, strict=True)]
    return sorted(sorted(range(len(peaks)), key=lambda at: -peaks[at])[:most])


def _token_axis(made: go.Figure, tokens: Sequence[str], kept: Sequence[int], chosen: int | None) -> go.Figure:
    """Names below, and a frame around the token that stands out; says how many are left out."""
    made.update_xaxes(ticktext=[figures.escape(tokens[at]) for at in kept], tickangle=-45)
    if len(kept) < len(tokens):
        made.update_xaxes(title=f"token ({len(kept)} of {len(tokens)}: those with the largest values)")
    return outlined(made, list(kept).index(chosen) if chosen in kept else None)


def token_bars(
    tokens: Sequence[str],
    groups: Mapping[str, Sequence[float]],
    y: str,
    hover: Sequence[str] = (),
    chosen: int | None = None,
) -> go.Figure:
    """Bars over tokens, which may occur more than once; of a long text those with the largest. `chosen`: the place of one that stands out."""
    kept = largest_places(groups.values())
    numbered = {group: {f"{at}:{tokens[at]}": values[at] for at in kept} for group, values in groups.items()}
    made = figures.bars(
        numbered, "token", y, [hover[at] for at in kept] if hover else [figures.escape(tokens[at]) for at in kept]
    )
    return _token_axis(made, tokens, kept, chosen)


def token_heatmap(
    tokens: Sequence[str], norms: Sequence[Sequence[float]], unit: str = "embedding units", chosen: int | None = None
) -> go.Figure:
    """‖δ^i‖ for every token (across) and ascent step (upwards); of a long text those that moved most. `chosen`: as in `token_bars`."""
    kept = largest_places(norms)
    steps = [str(step) for step in range(len(norms))]
    hover = f"%{{customdata}}<br>step %{{y}}<br>‖δ‖ %{{text:.4g}} ({unit})"
    shown = [[row[at] for at in kept] for row in norms]
    made = figures.heatmap([tokens[at] for at in kept], steps, shown, "token", "ascent step", "‖δ‖", hover)
    made.update_yaxes(type="category")
    return _token_axis(made, tokens, kept, chosen)


def outlined(made: go.Figure, place: int | None) -> go.Figure:
    """A figure over tokens with a frame around one of them, by its place; None: as it is."""
    if place is not None:
        made.add_vrect(
            place - 0.5, place + 0.5, line={"color": figures.SERIES[0], "width": 2}, fillcolor="rgba(0,0,0,0)"
        )
    return made
