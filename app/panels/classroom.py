"""The Class page: the teacher's side. A student's is `panels/student.py`."""

import socket
from typing import Any

import streamlit as st

from app import widgets
from app.drawing.predictions import distribution, verdict
from app.drawing.shown import Figure
from app.drawing.tokens import told_apart
from app.notebook.pins import render, show
from app.panels import student as students_side
from app.shell import state
from app.shell.door import is_class
from app.shell.keeping import asked_already
from app.shell.layout import plain
from app.shell.roles import student
from app.widgets.broadcast import FOLLOWED, broadcast
from engine.classroom import STAGES, Class, Classroom, Kind, Question
from engine.methods import get_method

KINDS: dict[str, Kind] = {
    "Which token moves most?": "token",
    "At which ε does the label flip?": "flip",
    "Which model is smoother?": "smoother",
}
SAMPLE = 30  # Sentences that the smoothness of two models is measured on.


def page() -> None:
    """Draw everything on the Class page below its heading."""
    if student():
        students_side.page()
        return
    if not is_class():
        st.info(
            "The app listens to this machine alone. To let a class in, stop it and start it with **make class** (or **deltabook"
            " app --class**): your students then join at an address and with a code that stand here. They see the class's screen"
            " and pages of one sentence; they cannot train, see runs or write to notebooks.",
            icon=":material/school:",
        )
        return
    found = Classroom().current()
    if found is None:
        st.button("Open a class", type="primary", icon=":material/school:", on_click=Classroom().open)
        return
    _door(found)
    with st.sidebar:
        classifier, method = widgets.classifier_choice(), widgets.method_choice()
        settings = widgets.method_settings(method, "perturb", to_the_edge=True)
        drawn = widgets.asked("trace", "seed")
    of = widgets.sentence(classifier.tags)
    widgets.about(classifier, of, "trace")
    values = {"method": method.name, "settings": settings.as_dict(), "label": None, **drawn, **of}
    trace = state.analyse("trace", classifier, "Climbing", **values)
    _screen(trace)
    question = Classroom().question()
    st.header("Predict, then reveal", anchor=False)
    if question is None:
        _ask(classifier, trace)
    else:
        _asked(question)


def address() -> str:
    """Where students find this machine, as far as it can be known: that of its way to the network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(("192.0.2.1", 9))  # Nothing is sent: it only asks which of its addresses would be used.
            own = str(way.getsockname()[0])
        except OSError:  # It has no network.
            own = "127.0.0.1"
    return f"http://{own}:{st.get_option('server.port')}"


def _door(found: Class) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"Join at **{address()}** with the code")
        st.markdown(f"# {found.code}")
        _present()
        with st.popover("Close the class", icon=":material/door_front:"):
            st.markdown("All students are sent away, and the code is no longer good.")
            st.button("Close it now", type="primary", on_click=Classroom().close)


@st.fragment(run_every=3)
def _present() -> None:
    students = Classroom().students()
    here = sum(each.here for each in students)
    with st.popover(f"{here} here, {len(students)} joined", icon=":material/group:"):
        st.markdown(
            "\n".join(f"- {plain(each.name)}{'' if each.here else ' (away)'}" for each in students) or "Nobody yet."
        )


@st.fragment
def _screen(trace: state.Finding) -> None:
    """What those who follow see: the same strip, at the same step."""
    followed = st.toggle(
        "Students follow what I look at, here and on Perturb", st.session_state.get(FOLLOWED, True), key="class-follow",
        help="Off: their screens stay as they are, and you can prepare something.",
    )  # fmt: skip
    st.session_state[FOLLOWED] = followed
    at = widgets.looking(trace.values, len(trace.result.loss) - 1, len(trace.result.tokens))
    broadcast(trace.subjects[""], trace.values, at)
    question = Classroom().question()
    if question is not None and question.hides_strips:
        st.caption("The strip is hidden here and on the students' screens until the answer is revealed.")
        return
    show(trace, "tokens", "tokens", {"at": at}, step=at.step, token=at.token)


def _ask(classifier: Any, trace: state.Finding) -> None:
    kinds = [name for name, kind in KINDS.items() if kind != "flip" or not classifier.is_regression]
    chosen = KINDS[
        st.segmented_control("Question", kinds, default=kinds[0], required=True, key="class-question") or kinds[0]
    ]
    asked: dict[str, Any] = {"model": trace.subjects[""], "values": trace.values, "text": trace.values["text"]}
    asked["method_title"] = get_method(trace.values["method"]).title
    if chosen in ("token", "flip") and st.session_state.get(FOLLOWED, True):
        st.caption(
            "The students see this strip until you ask. To ask about a sentence that they have not seen, switch off above that they"
            " follow, before you choose it."
        )
    if chosen == "token":
        result = trace.result
        asked["choices"] = {
            str(place): token
            for place, (token, special) in enumerate(zip(told_apart(result.tokens), result.special, strict=True))
            if not special
        }
    if chosen == "smoother":
        names = widgets.choices()
        two = st.multiselect(
            "Two models", list(names), max_selections=2, format_func=names.__getitem__, key="class-two",
            help="Train the same model with two methods beforehand: they stand here.",
        )  # fmt: skip
        asked["choices"] = {name: names[name] for name in two}
        asked["dataset"] = "movie-sentiment"
        if len(two) < 2:
            st.caption("Choose the two models that are to be compared.")
            return
    st.button("Ask the class", type="primary", icon=":material/help:", on_click=Classroom().ask, args=(chosen, asked))


def _asked(question: Question) -> None:
    st.markdown(f"**{plain(students_side.words(question))}**")
    room = Classroom()
    if question.stage == STAGES[0]:
        _count(question.id)
        st.button(
            "Close it and show the predictions", icon=":material/bar_chart:", on_click=room.advance,
            args=(question.id, STAGES[1]),
        )  # fmt: skip
        return
    if question.stage == STAGES[1]:
        render(Figure(distribution(question)), "class-predictions")
        if st.button("Reveal the answer", type="primary", icon=":material/visibility:") or st.session_state.get(
            "class-revealing"
        ) == question.id:  # fmt: skip
            st.session_state["class-revealing"] = question.id
            with asked_already():
                answer = answer_of(question)
            if question.hides_strips:
                _show_what_was_asked(question.asked)
            room.advance(question.id, STAGES[2], answer)
            st.rerun()
        return
    render(Figure(distribution(question)), "class-predictions")
    st.markdown(f"**{plain(verdict(question))}**")
    if question.kind == "token":
        st.caption(f"‖δ‖ of the three that moved most: {plain(_most_moved(question.asked))}.")
    st.button("Next question", icon=":material/skip_next:", on_click=room.advance, args=(question.id, "over"))


def _most_moved(asked: dict[str, Any]) -> str:
    """Two that look alike in the strip differ in the third digit."""
    found = state.analyse("trace", state.subject("trace", asked["model"]), "Climbing", **asked["values"]).result
    norms = found.token_norms[-1]
    first = sorted(asked["choices"], key=lambda place: -norms[int(place)])[:3]
    return ", ".join(f"“{asked['choices'][place]}” {norms[int(place)]:.4g}" for place in first)


def _show_what_was_asked(asked: dict[str, Any]) -> None:
    """Put the strip that was asked about on the students' screens, if another one was there when it was asked."""
    room = Classroom()
    now = room.current()
    if now is not None and (now.screen.get("model"), now.screen.get("values")) != (asked["model"], asked["values"]):
        trace = state.analyse("trace", state.subject("trace", asked["model"]), "Climbing", **asked["values"]).result
        last = len(trace.loss) - 1
        room.show({"model": asked["model"], "values": asked["values"], "step": last, "token": None})


@st.fragment(run_every=2)
def _count(question: int) -> None:
    found = Classroom().question()
    if found is not None and found.id == question:
        joined = len(Classroom().students())
        st.markdown(f"**{len(found.predictions)}** of {joined} have predicted.")


def answer_of(question: Question) -> Any:
    """What is true, computed as every page computes it: a token's place, an ε (None: none up to the search's end), a model."""
    asked = question.asked
    if question.kind == "smoother":
        models = {name: state.subject("smoothness", name) for name in asked["choices"]}
        found = state.analyse("smoothness", models, "ℓₛ", settings={}, dataset=asked["dataset"], limit=SAMPLE)
        means = {
            name: sum(each.adversarial for each in of.examples) / len(of.examples) for name, of in found.results.items()
        }
        return min(means, key=lambda name: means[name])
    model, values = state.subject("trace", asked["model"]), asked["values"]
    if question.kind == "token":
        norms = state.analyse("trace", model, "Climbing", **values).result.token_norms[-1]
        return max(asked["choices"], key=lambda place: norms[int(place)])
    how = {name: values[name] for name in ("text", "text_pair", "seed")}
    flips = state.analyse("flip", model, "Searching the smallest ε", **how).result.flip_epsilon
    return flips[values["method"]]
