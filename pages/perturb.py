"""Perturb: one sentence under a method's ascent."""

from app.panels import body
from app.shell.layout import heading, view_choice
from app.shell.roles import student

heading(
    "Perturb",
    "A perturbation δ is added to the word embeddings of your sentence (or, with another Site, further inside) and climbs,"
    " step by step, towards a higher loss. The darker a token, the further it is moved.",
)
ONE_SENTENCE = ("One method", "Methods side by side", "Through the layers")
OTHERS = ("Across training", "What is certain", "A data set's examples")  # They look at runs and files.
body("perturb", view_choice(ONE_SENTENCE if student() else ONE_SENTENCE + OTHERS))
