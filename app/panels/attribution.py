"""Attribution: which tokens the output rests on, clean beside perturbed."""

import math

import streamlit as st

from app import widgets
from app.notebook.pins import show
from app.shell import state
from app.shell.layout import plain
from engine.analysis.attribution import ALGORITHMS


def page() -> None:
    """Draw everything on the Attribution page below its heading."""
    of = widgets.sentence()
    with st.sidebar:
        models = widgets.classifiers_choice("attribution")
        how = widgets.asked("attribution", "algorithm")
        method = widgets.method_choice()
        settings = widgets.method_settings(method, "attribution", to_the_edge=True)
        drawn = widgets.asked("attribution", "seed")
    st.caption(ALGORITHMS[how["algorithm"]])
    label = widgets.label_choice(next(iter(models.values())))
    for place, (name, classifier) in enumerate(models.items()):
        finding = state.analyse(
            "attribution", {name: classifier}, "Attributing", method=method.name, settings=settings.as_dict(),
            label=label, **how, **drawn, **of,
        )  # fmt: skip
        found = finding.result
        if len(models) > 1:
            st.header(plain(name), anchor=False)
        widgets.about(classifier, of, "attribution")
        target = (
            "the score" if classifier.is_regression else f"the logit of {plain(classifier.labels[int(found.label)])}"
        )
        st.markdown(
            f"Output, {target}: **{found.clean.output:.3f}** clean, **{found.perturbed.output:.3f}** perturbed; with"
            f" every word blanked out {found.clean.baseline:.3f}."
        )
        show(finding, "tokens", f"attribution-{place}", method=method.title)
        gaps = ", ".join(
            f"{word} {each.gap:.2g}" + ("" if each.convergence is None else f" (Captum's delta {each.convergence:.2g})")
            for word, each in (("clean", found.clean), ("perturbed", found.perturbed))
        )
        st.caption(
            f"Completeness gap, Σ attributions minus the difference that they have to explain: {gaps}. 0 is exact."
        )
        left, right = st.columns([2, 1], vertical_alignment="center")
        with left:
            show(finding, "where", f"where-{place}")
        rho = found.rank_correlation
        right.metric(
            "Rank correlation of |attribution| and ‖δ‖",
            "none" if math.isnan(rho) else f"{rho:.2f}",
            help="Spearman's ρ over the tokens that are not special: 1 if the adversary moves most what matters most.",
        )
        if not classifier.is_regression:
            words = state.analyse("erasure", {name: classifier}, "Leaving words out", label=label, **drawn, **of)
            st.markdown("What the model says without each word: leave one out, no gradient and no baseline.")
            show(words, "words", f"erasure-{place}")
            st.markdown(
                "**Can they be believed?** Tokens are taken away in the order of each attribution: the steeper its line falls, the"
                " more faithful it is. The shaded band: random orders, from the 5th to the 95th percentile."
            )
            if sum(not special for special in found.special) < 2:
                st.info(
                    "With a single token there is no order: whether it is faithful cannot be asked.",
                    icon=":material/block:",
                )
                continue
            faithful = state.analyse(
                "faithfulness", {name: classifier}, "Taking tokens away", method=method.name, settings=settings.as_dict(),
                label=label, **drawn, **of,
            )  # fmt: skip
            show(faithful, "removal", f"removal-{place}")
            show(faithful, "scores", f"faithful-{place}")
            st.caption(
                "**comprehensiveness**: what the probability loses without the first 5, 10, 20 and 50 % of the tokens (mean);"
                " large is faithful. **sufficiency**: what it loses with nothing but these; small is faithful. **area**: mean of the"
                " line; small is faithful. On one sentence a random order can win by chance."
            )
