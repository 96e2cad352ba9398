"""ELECTRA: replaced-token detection, live."""

from app.panels import body
from app.shell.layout import heading, view_choice

heading(
    "ELECTRA",
    "A small generator fills masked words with likely ones; the discriminator says of every token whether it was"
    " replaced. The darker a token, the surer the discriminator is that it is not the original.",
    r"\min_{\theta_G,\theta_D}\;\mathcal{L}_{MLM}(x,\theta_G)+\lambda\,\mathcal{L}_{Disc}(x,\theta_D),\quad \lambda=50",
)
body("electra", view_choice(("Detect", "Fool the discriminator", "Pre-train")))
