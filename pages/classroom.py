"""Class: students follow in their own browsers, predict, and see what is true."""

from app.panels import body
from app.shell.layout import heading
from app.shell.roles import student

heading(
    "Class",
    "What your teacher shows is on this page; when something is asked, commit to a prediction before you see the answer."
    if student()
    else "Students join in their own browsers, follow what you show, and predict before you reveal.",
)
body("classroom")
