"""Attribution: which tokens the output rests on, clean beside perturbed."""

from app.panels import body
from app.shell.layout import heading

heading(
    "Attribution",
    "What each token adds to the output, before and after the adversary moved the sentence (computed by Captum). The"
    " question below the bars: does the adversary go where the model looks?",
    r"\mathrm{IG}_i=\sum_d (x_{id}-x'_{id})\int_0^1\frac{\partial f(x'+t(x-x'))}{\partial x_{id}}\,dt,\qquad"
    r"\sum_i \mathrm{IG}_i=f(x)-f(x')",
)
body("attribution")
