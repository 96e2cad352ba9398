"""Perturb: one sentence under a method's ascent."""

import streamlit as st

from app.layout import errors_in_a_box, heading, plain

EXAMPLE = "The film is a little slow, but the acting is wonderful."

heading(
    "Perturb",
    "A perturbation δ is added to the word embeddings of your sentence and climbs, step by step, towards a higher"
    " loss. The darker a token, the further the adversary has moved it.",
)
text = st.text_area("Sentence", EXAMPLE, key="text", bind="query-params", height=80)
pair = st.text_input("Second sentence (for pairs; leave empty otherwise)", key="pair", bind="query-params")

from app import figures, state, widgets  # noqa: E402  (torch is loaded after the first paint)

with errors_in_a_box():
    with st.sidebar:
        model, run = widgets.classifier_choice()
        method = widgets.method_choice()
        settings = widgets.method_settings(method, "perturb")
        seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="seed", bind="query-params", help="Of the random start.")
    st.latex(method.equation)
    st.caption(f"{method.summary} {method.reference}.")
    classifier = state.classifier(model, run)
    widgets.origin_note(classifier.origin)
    names = ["the model's own prediction", *classifier.labels] if not classifier.is_regression else []
    label = None
    if names:
        chosen = st.segmented_control(
            "Loss is taken against", names, default=names[0], key="label", required=True, bind="query-params"
        )
        label = None if chosen in (None, names[0]) else chosen
    found = state.trace(
        classifier, classifier.fingerprint, method.name, settings.as_dict(), text, pair or None, label, int(seed)
    )

if found.truncated:
    st.warning(f"The text was cut: the model reads the first {len(found.tokens)} tokens, the rest is left out.")
last = len(found.loss) - 1
largest = max(max(row) for row in found.token_norms)
first, final = found.probabilities[0], found.probabilities[-1]
if classifier.is_regression:
    st.markdown(f"Score **{first[0]:.3f}** before, **{final[0]:.3f}** after {last} steps.")
else:
    before, after = (max(range(len(row)), key=row.__getitem__) for row in (first, final))
    said = f"**{plain(found.labels[before])}** ({first[before]:.1%}) before, **{plain(found.labels[after])}**"
    said += f" ({final[after]:.1%}) after {last} step{'s' if last != 1 else ''}."
    st.markdown(f"{said} {'The label flips.' if before != after else 'The label holds.'}")


@st.fragment
def strip() -> None:
    """The tokens at one ascent step; only this part is drawn again when the slider moves."""
    step = st.slider("Ascent step", 0, last, last, key="step", bind="query-params") if last else 0
    titles = []
    for place, token in enumerate(found.tokens):
        near = found.nearest[place]
        tip = f"{token}: ‖δ‖ = {found.token_norms[step][place]:.4g} at step {step}"
        if near:
            tip += f"; nearest other token after step {last}: {near[0]['token']} at distance {near[0]['distance']:.3f}"
        titles.append(tip)
    st.html(figures.token_strip(found.tokens, found.token_norms[step], largest, titles, found.special))


strip()
loss, probability, size = st.columns(3)
steps = range(last + 1)
with loss:
    curves = {"task loss": list(zip(steps, found.loss, strict=True))}
    if method.name == "smart":
        curves["ℓ_s, what SMART ascends"] = list(zip(steps, found.objective, strict=True))
    st.plotly_chart(figures.lines(curves, "ascent step", "loss (nats)"), key="loss-figure")
with probability:
    what = "score" if classifier.is_regression else "probability"
    curves = {
        name: [(step, row[place]) for step, row in enumerate(found.probabilities)]
        for place, name in enumerate(found.labels)
    }
    st.plotly_chart(figures.lines(curves, "ascent step", what), key="probability-figure")
with size:
    curve = {"‖δ‖_F": list(zip(steps, found.norms, strict=True))}
    st.plotly_chart(figures.lines(curve, "ascent step", "‖δ‖_F (embedding units)"), key="norm-figure")

st.subheader("Every token at every step", anchor=False)
st.plotly_chart(figures.token_heatmap(found.tokens, found.token_norms), key="heatmap")

st.subheader("How far is that?", anchor=False)
st.markdown(
    "How far each token was moved, as a share of the distance to the nearest other token of the vocabulary."
    " At 100 % it has gone as far as a real substitution would."
)
from engine.analysis.trace import shift_to_gap  # noqa: E402

shares = shift_to_gap(found)
hover = [
    f"{token}: nearest " + ", ".join(f"{each['token']} ({each['distance']:.2f})" for each in near)
    for token, near in zip(found.tokens, found.nearest, strict=True)
]
bars = figures.bars(
    {f"{place}:{token}": 100 * share for place, (token, share) in enumerate(zip(found.tokens, shares, strict=True))},
    "token",
    "share of the distance (%)",
    hover,
)
bars.update_xaxes(ticktext=[figures.escape(token) for token in found.tokens], tickangle=-45)
st.plotly_chart(bars, key="nearest-figure")
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
