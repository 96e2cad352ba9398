"""The views of the Perturb page."""

from typing import Any

import streamlit as st

from app import figures, state, widgets
from app.layout import plain
from app.tokens import token_strip
from engine.analysis.trace import Trace, shift_to_gap
from engine.methods import get_method


def verdict(found: Trace) -> str:
    """What became of the prediction, in a sentence of Markdown."""
    first, final = found.probabilities[0], found.probabilities[-1]
    last = len(found.loss) - 1
    steps = f"{last} step{'s' if last != 1 else ''}"
    if len(first) == 1 and len(found.labels) == 1:
        return f"Score **{first[0]:.3f}** before, **{final[0]:.3f}** after {steps}."
    before, after = (max(range(len(row)), key=row.__getitem__) for row in (first, final))
    said = f"**{plain(found.labels[before])}** ({first[before]:.1%}) before, **{plain(found.labels[after])}**"
    said += f" ({final[after]:.1%}) after {steps}."
    return f"{said} {'The label flips.' if before != after else 'The label holds.'}"


def titles(found: Trace, step: int) -> list[str]:
    """What hovering over each token says at a step."""
    last = len(found.loss) - 1
    said = []
    for token, norm, near in zip(found.tokens, found.token_norms[step], found.nearest, strict=True):
        tip = f"{token}: ‖δ‖ = {norm:.4g} at step {step}"
        if near:
            tip += f"; nearest other token after step {last}: {near[0]['token']} at distance {near[0]['distance']:.3f}"
        said.append(tip)
    return said


@st.fragment
def _strip(found: Trace, largest: float) -> None:
    """The tokens at one ascent step; only this part is drawn again when the slider moves."""
    last = len(found.loss) - 1
    step = st.slider("Ascent step", 0, last, last, key="step", bind="query-params") if last else 0
    st.html(token_strip(found.tokens, found.token_norms[step], largest, titles(found, step), found.special))


def _note_if_cut(found: Trace) -> None:
    if found.truncated:
        st.warning(f"The text was cut: the model reads the first {len(found.tokens)} tokens, the rest is left out.")


def _strips(found: dict[str, Trace]) -> None:
    """One strip per trace at its last step, on one scale, with the legend below the last."""
    largest = max(max(each.token_norms[-1]) for each in found.values())
    for place, (name, each) in enumerate(found.items()):
        st.markdown(f"**{plain(name)}** · {verdict(each)}")
        legend = "‖δ‖" if place == len(found) - 1 else ""
        last = len(each.loss) - 1
        st.html(token_strip(each.tokens, each.token_norms[-1], largest, titles(each, last), each.special, legend))


def one_method(of: dict[str, Any]) -> None:
    """One method, step by step."""
    with st.sidebar:
        classifier = widgets.classifier_choice()
        method = widgets.method_choice()
        settings = widgets.method_settings(method, "perturb")
        seed = widgets.seed_input()
    st.latex(method.equation)
    st.caption(f"{method.summary} {method.reference}.")
    widgets.origin_note(classifier.origin)
    label = widgets.label_choice(classifier)
    found = state.analyse(
        "trace", classifier, "Climbing", method=method.name, settings=settings.as_dict(), label=label, seed=seed, **of
    )
    _note_if_cut(found)
    st.markdown(verdict(found))
    _strip(found, max(max(row) for row in found.token_norms))
    loss, probability, size = st.columns(3)
    steps = range(len(found.loss))
    curves = {"task loss": list(zip(steps, found.loss, strict=True))}
    if method.name == "smart":
        curves["ℓ_s, what SMART ascends"] = list(zip(steps, found.objective, strict=True))
    loss.plotly_chart(figures.lines(curves, "ascent step", "loss (nats)"), key="loss-figure")
    curves = {
        name: [(step, row[place]) for step, row in enumerate(found.probabilities)]
        for place, name in enumerate(found.labels)
    }
    what = "score" if classifier.is_regression else "probability"
    probability.plotly_chart(figures.lines(curves, "ascent step", what), key="probability-figure")
    curve = {"‖δ‖_F": list(zip(steps, found.norms, strict=True))}
    size.plotly_chart(figures.lines(curve, "ascent step", "‖δ‖_F (embedding units)"), key="norm-figure")
    st.subheader("Every token at every step", anchor=False)
    st.plotly_chart(figures.token_heatmap(found.tokens, found.token_norms), key="heatmap")
    _yardstick(found)


def _yardstick(found: Trace) -> None:
    st.subheader("How far is that?", anchor=False)
    st.markdown(
        "How far each token was moved, as a share of the distance to the nearest other token of the vocabulary."
        " At 100 % it has gone as far as a real substitution would."
    )
    hover = [
        f"{token}: nearest " + ", ".join(f"{each['token']} ({each['distance']:.2f})" for each in near)
        for token, near in zip(found.tokens, found.nearest, strict=True)
    ]
    shares = {"share": [100 * share for share in shift_to_gap(found)]}
    st.plotly_chart(figures.token_bars(found.tokens, shares, "share of the distance (%)", hover), key="nearest-figure")
    with st.expander("Nearest vocabulary tokens of each perturbed token"):
        st.dataframe(
            [
                {
                    "token": token,
                    "‖δ‖": norm,
                    **{f"nearest {n + 1}": f"{e['token']} ({e['distance']:.2f})" for n, e in enumerate(near)},
                }
                for token, norm, near in zip(found.tokens, found.token_norms[-1], found.nearest, strict=True)
            ],
            hide_index=True,
        )


def side_by_side(of: dict[str, Any]) -> None:
    """All methods on one sentence at one ε, and the ε at which each flips the label."""
    with st.sidebar:
        classifier = widgets.classifier_choice()
        epsilon = widgets.radius_input()
        steps = int(
            st.number_input("Ascent steps", 1, 50, 5, key="steps", bind="query-params", help="K, of every method.")
        )
        seed = widgets.seed_input()
    widgets.origin_note(classifier.origin)
    label = widgets.label_choice(classifier)
    found: dict[str, Trace] = state.analyse(
        "side by side", classifier, "Climbing with every method", epsilon=epsilon, steps=steps, label=label, seed=seed, **of
    )  # fmt: skip
    _note_if_cut(next(iter(found.values())))
    st.caption(
        f"Every method in the same ball, ‖δ‖_F ≤ {epsilon:g}, with step size 2ε/K = {2 * epsilon / steps:.3g}. SMART"
        " ascends its KL, not the loss."
    )
    found = {get_method(name).title: each for name, each in found.items()}
    _strips(found)
    curves = {name: list(enumerate(each.loss)) for name, each in found.items()}
    st.plotly_chart(figures.lines(curves, "ascent step", "loss (nats)"), key="side-loss")
    if classifier.is_regression:
        return
    st.subheader("At which ε does the label flip?", anchor=False)
    flips = state.analyse("flip", classifier, "Searching the smallest ε", steps=steps, seed=seed, **of)
    pgd = next(iter(found.values()))
    gaps = [near[0]["distance"] for near, special in zip(pgd.nearest, pgd.special, strict=True) if near and not special]
    st.markdown(
        "The smallest ε at which a method's ascent changes the prediction, found by bisection."
        + (
            f" As a yardstick: moving one token all the way to its nearest other token takes {min(gaps):.2f} to"
            f" {max(gaps):.2f} here."
            if gaps
            else ""
        )
    )
    reached = {get_method(name).title: value for name, value in flips.items() if value is not None}
    if reached:
        chart = figures.bars({"flips at": reached}, "method", "ε (embedding units)")
        if gaps:
            chart.add_hline(
                y=min(gaps), line={"dash": "dot", "color": "#888888"}, annotation_text="nearest other token"
            )
        st.plotly_chart(chart, key="flip-figure")
    never = [get_method(name).title for name, value in flips.items() if value is None]
    if never:
        st.caption(f"Not up to ε = 8: {', '.join(never)}.")


def across_training(of: dict[str, Any]) -> None:
    """The same sentence under the models that a run kept."""
    from engine.runs.store import Store

    runs = {run.id: run for run in Store().all() if run.kept_models}
    if not runs:
        st.info(
            "No run has kept models to look back at. On Train, open More settings and switch on Keep models; or"
            " `python -m engine train … --set keep_models=true`."
        )
        return
    with st.sidebar:
        chosen = st.selectbox(
            "Run", list(runs), format_func=lambda name: f"{runs[name].title} · {name}", key="run", bind="query-params"
        )
        method = widgets.method_choice()
        settings = widgets.method_settings(method, "perturb")
        seed = widgets.seed_input()
    kept = list(runs[chosen].kept_models)
    found: dict[int, Trace] = {}
    for step in kept:
        classifier = state.classifier(None, f"{chosen}@{step}")
        found[step] = state.analyse(
            "trace", classifier, f"Climbing at step {step}", method=method.name, settings=settings.as_dict(),
            label=None, seed=seed, **of,
        )  # fmt: skip
    _strips({f"step {step}": each for step, each in found.items()})
    curves = {
        "loss before": [(step, each.loss[0]) for step, each in found.items()],
        "loss after the ascent": [(step, each.loss[-1]) for step, each in found.items()],
    }
    st.plotly_chart(figures.lines(curves, "optimiser step of the model", "loss (nats)"), key="across")


def examples() -> None:
    """A data set's examples, sortable; one of them opens the first view."""
    with st.sidebar:
        classifier = widgets.classifier_choice()
        of = widgets.dataset_choice()
    widgets.origin_note(classifier.origin)
    st.markdown(
        "Click a row to look at that sentence. **margin**: the label's logit less the largest other one; **flip ε**: the"
        " smallest ε of a grid at which PGD (3 steps) changes the prediction; **ℓ_s**: SMART's divergence at ε = 0.1."
    )
    table = state.analyse("examples", classifier, "Examples", **of)
    shown = table.rename(columns={"flip_epsilon": "flip ε", "smoothness": "ℓ_s"})
    chosen = st.dataframe(shown, hide_index=True, on_select="rerun", selection_mode="single-row", key="examples")
    rows = chosen.selection.rows if chosen is not None else []
    if rows:
        row = table.iloc[rows[0]]
        st.session_state["next"] = {"text": row["text"], "pair": row.get("text_pair", "") or ""}
        st.button("Look at this sentence", on_click=_open_chosen, type="primary", icon=":material/tune:")


def _open_chosen() -> None:
    for key, value in st.session_state.pop("next", {}).items():
        st.session_state[key] = value
    st.session_state["view"] = "One method"
