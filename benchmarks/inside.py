"""Makes docs/inside.md: real runs of the built-in data, looked at with the app's own analyses.

    python benchmarks/inside.py [--steps 300]

Runs that are there already (by their names, inside-…) are not trained again.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine.process import wait_politely

wait_politely()

from app.drawing import figures, token_figures
from app.drawing import landscape as landscape_figures
from benchmarks.writing import picture, written
from engine.catalogue import analyse
from engine.data.sources import load_dataset
from engine.runs.config import TrainConfig
from engine.runs.execution import execute
from engine.runs.store import Store
from engine.subjects.classifier import load_classifier
from engine.subjects.table import class_direction, cosines, table_state

DATASET = "movie-sentiment"
WIDE = {"epsilon": 1e-3, "step_size": 0.1, "start_sigma": 1e-3, "smoothness_weight": 5}
RUNS = {
    "vanilla": ("vanilla", {}),
    "FreeLB": ("freelb", {}),
    "TextAT": ("textat", {}),
    "SMART (paper's ε = 1e-5)": ("smart", {}),
    "SMART (ε = 1e-5, fixed dropout)": ("smart", {"fixed_dropout": True}),
    "SMART (ε = 1e-3, λ = 5)": ("smart", WIDE),
}
NAMES = dict(zip(RUNS, ("vanilla", "freelb", "textat", "smart", "smart-fixed", "smart-wide"), strict=True))
SENTENCE = "The film is a little slow, but the acting is wonderful."


def run_of(title: str, steps: int) -> str:
    """The id of a completed run, trained now if there is none."""
    name = f"inside-{NAMES[title]}"
    for run in Store().all():
        if run.name == name and run.status == "completed" and run.max_steps == steps:
            return run.id
    method, settings = RUNS[title]
    config = TrainConfig.build(
        {"method": method, "dataset": DATASET, "model": "minilm", "max_steps": steps, "evaluations": 10, "checkpoints": 1,
         "name": name, "seed": 0}, settings,
    )  # fmt: skip
    print(f"training {title}", file=sys.stderr)
    run = Store().create(config.as_dict(), status="starting")
    return execute(run.id, progress=True).id


def main() -> None:
    """Train what is missing, look, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--limit", type=int, default=200, help="validation sentences that are looked at")
    options = parser.parse_args()
    runs = {title: Store().get(run_of(title, options.steps)) for title in RUNS}
    models = {title: load_classifier(run=run.id) for title, run in runs.items()}
    of = {"dataset": DATASET, "limit": options.limit}
    curves, bands, ratio = {}, {}, {}
    rows = [
        "| run | accuracy | ℓₛ at ε = 1e-5 | ℓₛ at ε = 1e-3 | worst / random at 1e-3 | flip ε, median |",
        "|---|---|---|---|---|---|",
    ]
    smooth = {}
    for title, model in models.items():
        curve = analyse("smoothness curve", model, None, **of).curve
        curves[title] = [(row.epsilon, row.adversarial) for row in curve]
        bands[title] = [(row.adversarial_low, row.adversarial_high) for row in curve]
        by = {f"{row.epsilon:.0e}": row for row in curve}
        ratio[title] = by["1e-03"].ratio
        smooth[title] = by["1e-03"]
        table = analyse("examples", model, None, **of)
        flips = table.table["flip_epsilon"].median()
        rows.append(
            f"| {title} | {runs[title].metrics['accuracy']:.3f} | {by['1e-05'].adversarial:.2e} |"
            f" {by['1e-03'].adversarial:.2e} | {by['1e-03'].ratio:.0f} | {flips:.3f} |"
        )
    base = smooth["vanilla"].adversarial
    verdicts = []
    for title in list(RUNS)[1:]:
        row = smooth[title]
        apart = (
            row.adversarial_high < smooth["vanilla"].adversarial_low
            or row.adversarial_low > smooth["vanilla"].adversarial_high
        )
        word = "smoother" if row.adversarial < base else "less smooth"
        sure = "the intervals do not overlap" if apart else "but the intervals overlap, so this is no finding"
        verdicts.append(f"- **{title}**: {row.adversarial / base:.2f} times vanilla's ℓₛ at ε = 1e-3: {word}; {sure}.")
    logged = []
    for title in (each for each in RUNS if each.startswith("SMART")):
        last = [value for step, value in Store().figures(runs[title].id)["smoothness_kl"] if step > options.steps * 0.8]
        logged.append(f"{title} {sum(last) / len(last):.1e}")
    textat = runs["TextAT"]
    largest = analyse("table", textat, None, top=20)
    state = table_state(textat)
    rank = np.argsort(np.argsort(state.norms.numpy())), np.argsort(np.argsort(state.counts.numpy()))
    correlation = float(np.corrcoef(*rank)[0, 1])
    texts = load_dataset(DATASET).splits["validation"]["text"].tolist()[:64]
    cosine = cosines(state.rows, class_direction(models["TextAT"], texts))
    top = state.norms.argsort(descending=True)[:100]
    growth = figures.lines(
        {row.token: row.growth for row in largest.rows[:8]}, "optimiser step", "‖Z[w]‖ (embedding units)"
    )
    scatter = figures.scatter(
        state.counts.tolist(), state.norms.tolist(), "times met in training", "‖Z[w]‖ (embedding units)",
        [""] * len(state.tokens), log=True,
    )  # fmt: skip
    plane = analyse("landscape", models["vanilla"], None, text=SENTENCE, epsilon=0.3, points=41)
    attribution = analyse(
        "attribution", models["vanilla"], None, method="pgd", settings={"epsilon": 0.3, "step_size": 0.1}, text=SENTENCE
    )
    bars = token_figures.token_bars(
        attribution.tokens,
        {"clean": attribution.clean.values, "perturbed": attribution.perturbed.values},
        "attribution (logits)",
    )
    page = [
        "# What training with perturbations does: a look inside",
        "",
        f"Made by `python benchmarks/inside.py --steps {options.steps} --limit {options.limit}`: the built-in encoder,"
        f" {options.steps} steps on `{DATASET}`, batch 32, seed 0, each method with its defaults unless said; one seed, so"
        " differences of a point of accuracy mean nothing. All figures are the app's own analyses, on"
        f" {options.limit} validation sentences.",
        "",
        *rows,
        "",
        "Flip ε: the smallest ε (Frobenius, per sentence) of a doubling grid at which PGD with 3 steps changes the prediction.",
        "",
        "## Did SMART make the model smoother?",
        "",
        picture(figures.lines(curves, "ε (L∞, per coordinate, embedding units)", "mean ℓₛ (nats)", bands=bands, log=True),
             "smoothness", "SMART's ℓₛ in the worst direction against ε (bands: 95 % bootstrap)"),
        *verdicts,
        "",
        f"What the runs logged as their own ℓₛ, mean over the last fifth of the training: {'; '.join(logged)}. Training has dropout"
        " on, the figures above have it off. Unless it is fixed, every pass draws its own mask, and at ε = 1e-5 the difference of"
        " two masks outweighs δ's: such a run is punished for what dropout changes rather than for what δ does.",
        "",
        "## Where does TextAT's table grow?",
        "",
        f"{largest.touched} of {largest.vocabulary} rows were touched. The largest:"
        f" {', '.join(row.token for row in largest.rows)}.",
        "",
        picture(growth, "table-growth", "The eight largest rows over training"),
        picture(scatter, "table-frequency", "Norm of a row against how often its token was met"),
        f"Rank correlation of norm and frequency over all touched rows: {correlation:+.2f}. Of the 100 largest rows the mean"
        f" |cosine| with the class direction is {float(cosine[top].abs().mean()):.2f}, of all touched rows"
        f" {float(cosine.abs().mean()):.2f}.",
        "",
        "## The plane around one sentence",
        "",
        f"“{SENTENCE}”, the vanilla model.",
        "",
        picture(landscape_figures.contour(plane), "landscape", "Loss over the adversarial and a random direction"),
        f"Clean loss {plane.loss[20][20]:.3f}; along the adversarial direction at ε = 0.3 PGD reaches"
        f" {plane.paths['pgd'][-1]['loss']:.3f}; along the random direction at the same distance the loss is"
        f" {plane.loss[min(range(41), key=lambda at: abs(plane.axis[at] - 0.3))][20]:.3f}.",
        "",
        picture(bars, "attribution", "Integrated gradients, clean beside perturbed"),
        f"Completeness gap {attribution.clean.gap:.1e} (clean). Rank correlation of |attribution| and ‖δ‖:"
        f" {attribution.rank_correlation:.2f}.",
        "",
    ]  # fmt: skip
    print(written("inside", page))


if __name__ == "__main__":
    main()
