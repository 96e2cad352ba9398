"""Makes docs/screenshots/: every page in the light and in the dark theme (1280 pixels wide) and on a phone (390), with real runs;
and the first minute of a newcomer as a strip of pictures.

    python benchmarks/screenshots.py [--steps 40] [--only PAGE …]

A home folder of its own is used; two short runs are trained in it first.
"""

import argparse
import io
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.shell.navigation import SECTIONS
from tests.browser.conftest import FLAGS, Server, chromium
from tests.browser.driving import settled

MOST_HEIGHT = 3600
FORMS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "is_mobile": True, "has_touch": True},
}
MINUTE = "first-minute"
FRAME, CAPTION = (640, 450), 34  # Of the first minute, in px.
ADDRESSES = {
    "microscope": "microscope?token=6",
    "landscape": "landscape?epsilon=0.3",
    "smoothness": "smoothness?limit=60",
    "notebook": "notebook?lesson=1-what-is-a-perturbation",
    # Views that are not their page's first.
    "layers": "perturb?view=Through+the+layers",
    "certain": "perturb?view=What+is+certain",
    "bounds": "compare?view=Between+two+bounds",
    "audit": "compare?view=Audit&steps=5&limit=20&attack=pgd",
    "examples": "perturb?view=A+data+set%27s+examples&limit=60",
    "intervals": "compare?view=Bounds+by+intervals",
    "protocol": "compare?view=Protocol&limit=5",
    "ledger": "compare?view=Ledger",
}


def train(steps: int) -> None:
    """Two runs, in the home folder that the environment names."""
    from engine.runs.config import TrainConfig
    from engine.runs.execution import execute
    from engine.runs.store import Store

    for method in ("pgd", "textat"):
        config = TrainConfig.build(
            {"method": method, "dataset": "movie-sentiment", "max_steps": steps, "evaluations": 5, "checkpoints": 1,
             "keep_models": True},
        )  # fmt: skip
        execute(Store().create(config.as_dict(), status="starting").id, progress=True)


def picture(page: Page, target: Path) -> None:
    """The whole page, as a small PNG."""
    size = page.viewport_size
    assert size is not None
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": min(MOST_HEIGHT, max(size["height"], height + 40))})
    page.wait_for_timeout(2500)  # Figures are drawn after the page says that it is done.
    small(Image.open(io.BytesIO(page.screenshot())), target)
    page.set_viewport_size(size)


def small(image: Image.Image, target: Path) -> None:
    """Save a picture in 256 colours."""
    image.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        target, optimize=True
    )
    print(target)


def first_minute(browser: Browser, url: str, target: Path) -> None:
    """What a newcomer sees from opening the app on, with the seconds that have passed: six pictures in two rows."""
    page = browser.new_context(**FORMS["light"]).new_page()
    page.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    frames: list[tuple[Image.Image, str]] = []
    began = time.monotonic()

    def frame(what: str) -> None:
        seen = Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize(FRAME, Image.Resampling.LANCZOS)
        frames.append((seen, f"{time.monotonic() - began:.1f} s: {what}"))

    page.goto(url)
    expect(page.get_by_role("link", name="Open Perturb")).to_be_visible()
    frame("the app is opened")
    page.get_by_role("link", name="Open Perturb").click()
    expect(page.locator("[data-token]").first).to_be_visible()
    frame("Open Perturb: the tokens that the adversary moves")
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(900)
    frame("Play: the ascent, step by step")
    page.get_by_label("Sentence", exact=True).fill("A dull plot, but the music is lovely.")
    page.get_by_label("Sentence", exact=True).press("Control+Enter")
    expect(page.locator("[data-token]", has_text="music").first).to_be_visible()
    frame("a sentence of one's own")
    page.get_by_role("radio", name="Methods side by side").or_(page.get_by_text("Methods side by side")).first.click()
    expect(page.get_by_text("Every method in the same ball")).to_be_visible()
    settled(page)
    frame("the methods side by side")
    page.get_by_role("link", name="Microscope").click()
    expect(page.locator("[data-token]").first).to_be_visible()
    frame("the microscope, with the same sentence")
    page.context.close()
    (width, height), letters = FRAME, ImageFont.load_default(17)
    whole = Image.new("RGB", (3 * width, 2 * (height + CAPTION)), "white")
    for place, (seen, said) in enumerate(frames):
        left, top = place % 3 * width, place // 3 * (height + CAPTION)
        whole.paste(seen, (left, top + CAPTION))
        ImageDraw.Draw(whole).text((left + 8, top + 7), said, fill="black", font=letters)
    small(whole, target)


def main() -> None:
    """Train, open every page in every form, and save what is seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--only", nargs="*", metavar="PAGE", help="these pages alone, without any runs")
    options = parser.parse_args()
    target = ROOT / "docs" / "screenshots"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        os.environ["DELTABOOK_HOME"] = str(Path(folder) / "home")
        if not options.only:
            train(options.steps)
        server = Server(Path(folder) / "home").start()
        browser = playwright.chromium.launch(executable_path=chromium(), headless=True, args=FLAGS)
        try:
            if not options.only or MINUTE in options.only:
                first_minute(browser, server.url, target / f"{MINUTE}.png")
            every = [name for pages in SECTIONS.values() for name, _, _ in pages]
            names = [name for name in options.only or dict.fromkeys([*every, *ADDRESSES]) if name != MINUTE]
            for form, how in FORMS.items():
                context = browser.new_context(**how)
                page = context.new_page()
                page.set_default_timeout(180_000)
                for name in names:
                    page.goto(f"{server.url}/{ADDRESSES.get(name, '' if name == 'home' else name)}")
                    page.wait_for_timeout(1500)
                    settled(page, 300)
                    if (offered := page.get_by_role("button", name="Open this lesson")).count():
                        offered.click()  # An address alone makes no notebook.
                        page.wait_for_timeout(15_000)
                        settled(page, 300)
                    picture(page, target / f"{name}-{form}.png")
                context.close()
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main()
