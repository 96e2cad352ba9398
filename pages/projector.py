"""Projector: a split's sentences as a map, clean and perturbed."""

from app.panels import body
from app.shell.layout import heading

heading(
    "Projector",
    "Every sentence of a data set as a point (UMAP of its sentence embedding), joined to where it stands after the"
    " adversary moved it. Draw a lasso to list what is inside.",
)
body("projector")
