"""The parts of the pages, one file per page or part that pages share."""

from app.shell.address import address_is_answered
from app.shell.carrying import arrive
from app.shell.imports import bring
from app.shell.layout import errors_in_a_box


def body(name: str, *arguments: str) -> None:
    """The rest of a page, by the name of its panel.

    It is imported only now: most bring torch, for which the heading must not wait.
    """
    arrive(name)
    with errors_in_a_box(), address_is_answered():
        bring(f"{__name__}.{name}").page(*arguments)
