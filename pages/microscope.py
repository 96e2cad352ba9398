"""Microscope: everything that is known of one sentence, side by side, for one or two models."""

from app.panels import body
from app.shell.layout import heading

heading(
    "Microscope",
    "One sentence, one adversary, and all that can be seen of them at once: how far every token is moved, the loss around it, what"
    " the output rests on, how δ grows through the blocks. Choose a token in the strip: it stands out in every figure.",
)
body("microscope")
