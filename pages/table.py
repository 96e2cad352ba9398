"""TextAT table: the perturbation that each token gathered over the training."""

from app.panels import body
from app.shell.layout import heading

heading(
    "TextAT table",
    "TextAT keeps one perturbation per vocabulary entry, Z[w], which accumulates over the whole training: its largest"
    " rows are the tokens that the adversary leans on. You can watch it while the run trains.",
    r"\eta_0^i\leftarrow Z[w_i],\qquad Z[w_i]\leftarrow\eta_K^i,\qquad Z\in\mathbb{R}^{V\times D}",
)
body("table")
