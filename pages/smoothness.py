"""Smoothness: how far the output moves in the worst direction of a tiny ball."""

from app.panels import body
from app.shell.layout import heading

heading(
    "Smoothness",
    "SMART penalises a model whose output can be moved by a tiny δ. Here is that movement, ℓₛ, for every example of a"
    " data set: in the worst direction and in a random one; small means smooth.",
    r"\mathcal{R}_s(\theta)=\tfrac1n\sum_i\max_{\|\tilde x_i-x_i\|_p\le\epsilon}\ell_s\big(f(\tilde x_i),f(x_i)\big),"
    r"\qquad \ell_s(P,Q)=D_{KL}(P\|Q)+D_{KL}(Q\|P)",
)
body("smoothness")
