"""A server that was just started."""

import pytest

from tests.browser.conftest import running
from tests.browser.driving import settled

pytestmark = pytest.mark.browser


def test_several_pages_at_once_are_drawn_by_a_server_that_just_started(browser, tmp_path_factory):
    """Each needs torch and transformers, which two threads at a time would import by halves."""
    with running(tmp_path_factory) as cold:
        pages = [browser.new_context().new_page() for _ in range(3)]
        for page, address in zip(pages, ("perturb", "train", "microscope"), strict=True):
            page.goto(f"{cold.url}/{address}", wait_until="commit")
            page.wait_for_timeout(500)
        for page in pages:
            settled(page, 120)
            assert page.get_by_test_id("stException").count() == 0
            page.context.close()
