"""The list of runs: filtered, with the columns that one wants, tagged, and chosen from."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from app.panels import live
from app.shell.layout import plain
from engine.analysis.curves import flat
from engine.errors import UserError
from engine.runs.run import Run
from engine.runs.tags import Tags

MOST_ROWS = 1000
ALWAYS = ("method", "dataset", "model", "name")  # Settings that have columns of their own.


def page(runs: list[Run]) -> list[Run]:
    """The list of runs with what narrows it; returns those chosen (the newest one if none is)."""
    tags = Tags().all()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Filter", key="filter", bind="query-params", width=320, placeholder="freelb movie -failed epsilon=0.5",
            help="Words that a run must have in its name, id, method, data, model, status or tags; -word: must not have;"
            " setting=value: must be so.",
        )  # fmt: skip
        settings = {run.id: flat(run.config) for run in runs}
        varying = _varying(settings.values())
        columns = st.multiselect(
            "More columns", varying, [name for name in varying if name == "seed"], key="columns", bind="query-params", width=420,
            help="The settings in which these runs differ.",
        )  # fmt: skip
    found = [run for run in runs if matches(run, settings[run.id], tags.get(run.id, []), words)]
    listed = found[:MOST_ROWS]
    st.caption(
        f"{len(found):,} of {len(runs):,} runs"
        + (f"; the newest {MOST_ROWS:,} are listed: filter for others" if len(found) > MOST_ROWS else "")
        + ". A click on a column's name sorts."
    )
    missing = unknown(words, settings.values())
    for name in missing:
        st.warning(f"No run has a setting named {plain(name)}.", icon=":material/filter_alt_off:")
    if not listed:
        if not missing:
            st.info(
                "No run has all of these words, which may be in its name, id, method, data, model, status or tags. Besides words"
                " there is -word (must not have) and setting=value (must be so), with spaces between.",
                icon=":material/filter_alt_off:",
            )
        return []
    _table(listed, settings, tags, columns)
    wanted = st.query_params.get_all("runs")
    chosen = [run for run in found if run.id in wanted]  # What the filter hides is not shown below, and not tagged.
    if chosen:
        _tags(chosen, tags)
    return chosen or listed[:1]


def unknown(words: str, settings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Settings that a filter names and no run has."""
    named = [word.lstrip("-").partition("=")[0] for word in words.lower().split() if "=" in word]
    known = {name for each in settings for key in each for name in _names(key)} if named else set()
    return [name for name in named if name and name not in known]


def _names(setting: str) -> tuple[str, str]:
    """What a setting may be called: `method_settings.epsilon`, or `epsilon`."""
    return setting.lower(), setting.lower().rsplit(".", 1)[-1]


def matches(run: Run, settings: Mapping[str, Any], tags: Sequence[str], words: str) -> bool:
    """Whether a run has all words of a filter (see `page`)."""
    said = " ".join(
        [run.title, run.id, run.config["method"], run.config["dataset"], run.config["model"], run.status, *tags]
    )
    said = said.lower()
    for word in words.lower().split():
        name, equals, value = word.lstrip("-").partition("=")
        if not name:
            continue
        if equals:
            there = any(_is(each, value) for key, each in settings.items() if name in _names(key))
        else:
            there = name in said
        if there == word.startswith("-"):
            return False
    return True


def _is(setting: Any, value: str) -> bool:
    """Whether a setting is what was typed: numbers by their value (`1e-5` is 0.00001)."""
    if isinstance(setting, float | int) and not isinstance(setting, bool):
        try:
            return float(setting) == float(value)
        except ValueError:
            return False
    return str(setting).lower() == value


def _varying(settings: Any) -> list[str]:
    """Names of the settings that are not the same in all runs."""
    seen: dict[str, Any] = {}
    varying: dict[str, None] = {}
    for each in settings:
        for name, value in each.items():
            if seen.setdefault(name, value) != value:
                varying[name] = None
    return [name for name in varying if name not in ALWAYS]


def _choose() -> None:
    """Put the chosen runs into the address: by their ids, since rows move when a run is added."""
    listed = st.session_state["listed-runs"]
    st.query_params["runs"] = [listed[row] for row in st.session_state["table"].selection.rows if row < len(listed)]


def _table(
    runs: list[Run], settings: Mapping[str, Mapping[str, Any]], tags: Mapping[str, list[str]], columns: Sequence[str]
) -> None:
    under_way = any(run.status != "completed" for run in runs)
    rows = [
        {
            "name": run.marked_title,
            "result": live.score(run),
            **{name: _plain(settings[run.id].get(name)) for name in columns},
            "method": run.config["method"],
            "data set": run.config["dataset"].rsplit("/", 1)[-1],
            "model": run.config["model"].rsplit("/", 1)[-1],
            "status": run.status,
            **({"progress": run.step / run.max_steps if run.max_steps else 0.0} if under_way else {}),
            "time": live.duration(run.seconds),
            "tags": tags.get(run.id, []),
            "run": run.id,
        }
        for run in runs
    ]
    st.session_state["listed-runs"] = [run.id for run in runs]
    wanted = st.query_params.get_all("runs")
    small = ("method", "model", "status", "time", *columns)
    st.dataframe(
        rows,
        hide_index=True,
        on_select=_choose,
        selection_mode="multi-row",
        # Of the address: ticked also when it was opened with runs, and when a filter draws the list anew.
        selection_default={"selection": {"rows": [row for row, run in enumerate(runs) if run.id in wanted]}},
        key="table",
        column_config={
            "progress": st.column_config.ProgressColumn(min_value=0.0, max_value=1.0, format="percent", width=90),
            "tags": st.column_config.ListColumn(width="small"),
            **{name: st.column_config.Column(name.rsplit(".", 1)[-1], width="small") for name in small},
        },
    )


def _plain(value: Any) -> Any:
    """A setting in a column: numbers stay numbers, so that they sort as such."""
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _tags(chosen: list[Run], tags: Mapping[str, list[str]]) -> None:
    """Change the tags of the chosen runs."""
    identifiers = [run.id for run in chosen]
    now = sorted({tag for each in identifiers for tag in tags.get(each, [])})
    key = f"tags {' '.join(identifiers)}"[:200]

    def write() -> None:
        said = st.session_state[key]
        try:
            Tags().change(identifiers, [tag for tag in said if tag not in now], [tag for tag in now if tag not in said])
        except UserError as problem:
            st.session_state["tags-said"] = str(problem)
            del st.session_state[key]  # The field shows what is so again.

    many = f"Tags of the {len(chosen)} chosen runs" if len(chosen) > 1 else f"Tags of {plain(chosen[0].title)}"
    known = sorted({tag for each in tags.values() for tag in each})
    st.multiselect(
        many, known, now, key=key, accept_new_options=True, on_change=write, width=420,
        placeholder="Type a tag, then Enter", help="For groups of runs: filter by them above.",
    )  # fmt: skip
    if said := st.session_state.pop("tags-said", ""):
        st.error(plain(said), icon=":material/error:")
