"""MacBERT: the masking strategies side by side."""

from app.panels import body
from app.shell.layout import heading, view_choice

heading(
    "MacBERT",
    "Four ways to hide words from an encoder, side by side on your sentence. Mac masking never uses [MASK]: words are"
    " replaced by similar ones, and the encoder learns to put the right ones back.",
    r"\tilde w_i=\begin{cases}\text{similar word}&80\,\%\\\text{random word}&10\,\%\\ w_i&10\,\%\end{cases}\qquad"
    r"\text{n-grams of }1,2,3,4\text{ words: }40,30,20,10\,\%",
)
body("macbert", view_choice(("One sentence", "A corpus", "Pre-train")))
