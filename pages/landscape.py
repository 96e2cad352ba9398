"""Landscape: the loss around one sentence, and the paths that the methods climb in it."""

from app.panels import body
from app.shell.layout import heading

heading(
    "Landscape",
    "The loss over a plane through your sentence's embedding X: across, the direction in which PGD went; upwards, a random"
    " direction or the way to another word. The white circle is the ball of radius ε; the lines are the methods' ascents.",
    r"(a,b)\;\mapsto\;L\big(f_\theta(X+a\,u+b\,v),y\big),\qquad u=\delta_K/\|\delta_K\|_F,\quad v\perp u,\ \|v\|_F=1",
)
body("landscape")
