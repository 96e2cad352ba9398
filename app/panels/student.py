"""The Class page as a student sees it: the class's screen, and what is asked."""

import json
from typing import Any

import streamlit as st

from app import widgets
from app.drawing.predictions import distribution, verdict
from app.drawing.shown import Figure
from app.notebook.captions import method_of
from app.notebook.pins import render, show
from app.shell import state
from app.shell.layout import errors_in_a_box, plain
from app.shell.navigation import link
from app.shell.roles import student
from app.views.trace import verdict as of_trace
from app.widgets.follow import follow
from engine.analysis.flip import MOST as MOST_EPSILON
from engine.classroom import STAGES, Classroom, Question
from engine.errors import UserError
from engine.methods import get_method


def words(question: Question) -> str:
    """A question as it is asked."""
    asked = question.asked
    if question.kind == "smoother":
        first, second = asked["choices"].values()
        return f"Which model is smoother: {first} or {second}?"
    text = f"“{asked['text'][:200]}”"
    if question.kind == "token":
        return f"Which token does {method_of(asked['values'])} move most in {text}?"
    return f"At which ε does {asked['method_title']} flip the label of {text}? (None up to {MOST_EPSILON:g}: say {MOST_EPSILON:g}.)"


@st.fragment
def page() -> None:
    """Everything below the heading: one fragment, drawn anew when the class is shown something else."""
    follow(Classroom().shown())
    with errors_in_a_box():
        _page()


def _page() -> None:
    room = Classroom()
    found, question = room.current(), room.question()
    if found is None:
        st.info("The class is over.", icon=":material/school:")
        return
    if question is not None:
        _question(question)
    if not found.screen:
        st.info(
            "Your teacher has not shown anything yet. This page follows by itself.", icon=":material/hourglass_empty:"
        )
        return
    _screen(found.screen, question is not None and question.hides_strips)


def _question(question: Question) -> None:
    own = question.predictions.get(str(student()))
    with st.container(border=True):
        st.markdown(f"**{plain(words(question))}**")
        if said := st.session_state.pop("class-said", ""):  # Also that a prediction came too late.
            st.warning(said, icon=":material/error:")
        if question.stage != STAGES[0]:
            render(Figure(distribution(question, own)), "class-predictions")
            if not question.is_open:
                st.markdown(f"**{plain(verdict(question))}**")
            return
        if own is not None:
            said = f"{float(own):.3g}" if question.kind == "flip" else question.asked["choices"][own]
            st.success(f"You have committed to **{plain(said)}**.", icon=":material/lock:")
            return
        key = f"prediction-{question.id}"
        with st.form(f"predict-{question.id}", border=False, enter_to_submit=False):
            if question.kind == "flip":
                st.number_input("ε", 0.0, MOST_EPSILON, value=None, step=0.01, placeholder="0 to 8", key=key)
            else:
                names = question.asked["choices"]
                st.radio(
                    "Your prediction", list(names), index=None, format_func=names.__getitem__, horizontal=True, key=key
                )
            # A callback: it is heard even where the next look at the class cuts this drawing short.
            st.form_submit_button(
                "Commit", type="primary", icon=":material/lock:", on_click=_commit, args=(question.id, key)
            )


def _commit(question: int, key: str) -> None:
    value = st.session_state[key]
    try:
        if value is None:
            raise UserError("Choose a prediction first, then commit to it.")
        Classroom().predict(question, str(student()), value)
    except UserError as problem:
        st.session_state["class-said"] = str(problem)


def _screen(screen: dict[str, Any], secret: bool) -> None:
    """What the teacher looks at. `secret`: the sentence alone, for its strip would be the answer."""
    values = screen["values"]
    st.header("On the screen", anchor=False)
    st.markdown(f"“{plain(values['text'])}”")
    title = get_method(values["method"]).title
    if secret:
        st.caption(f"{title}; the rest is shown with the answer.")
        return
    model = state.subject("trace", screen["model"])
    found = state.analyse("trace", model, "Climbing", **values)
    last = len(found.result.loss) - 1
    at = widgets.Looking(
        json.dumps([screen["model"], values], sort_keys=True), min(screen["step"], last), screen["token"]
    )
    st.markdown(f"**{plain(of_trace(found.result))}**")
    show(found, "tokens", f"class-{at.step}-{at.token}", step=at.step, token=at.token)
    st.caption(f"{title}, ascent step {at.step} of {last}, as your teacher looks at it.")
    query = {"of": screen["model"], "text": values["text"], "method": title}
    link("perturb", "Explore this sentence yourself", **query)
