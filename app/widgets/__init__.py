"""The widgets that pages share. Their values stand in the page's address."""

from app.widgets.inputs import (
    EXAMPLE,
    dataset_choice,
    draw_again,
    draw_number,
    label_choice,
    linked,
    look_at,
    sentence,
)
from app.widgets.methods import method_choice, method_settings
from app.widgets.models import (
    about,
    about_all,
    choices,
    classifier_choice,
    classifiers_choice,
    encoder_choice,
    run_choice,
)
from app.widgets.settings import OWN, asked, own, setting, settings, to_start
from app.widgets.strips import Looking, looking, strips

__all__ = [
    "EXAMPLE",
    "OWN",
    "Looking",
    "about",
    "about_all",
    "asked",
    "choices",
    "classifier_choice",
    "classifiers_choice",
    "dataset_choice",
    "draw_again",
    "draw_number",
    "encoder_choice",
    "label_choice",
    "linked",
    "look_at",
    "looking",
    "method_choice",
    "method_settings",
    "own",
    "run_choice",
    "sentence",
    "setting",
    "settings",
    "strips",
    "to_start",
]
