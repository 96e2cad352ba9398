"""Makes docs/screenshots/: every page in the light and in the dark theme, with real runs, 1280 pixels wide.

    python benchmarks/screenshots.py [--steps 40] [--only PAGE …]

A home folder of its own is used; two short runs are trained in it first.
"""

import argparse
import io
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from app.shell.navigation import SECTIONS
from tests.browser.conftest import FLAGS, Server, chromium
from tests.browser.driving import settled

MOST_HEIGHT = 3600
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
    from engine.runs.store import Store
    from engine.runs.worker import execute

    for method in ("pgd", "textat"):
        config = TrainConfig.build(
            {"method": method, "dataset": "movie-sentiment", "max_steps": steps, "evaluations": 5, "checkpoints": 1,
             "keep_models": True},
        )  # fmt: skip
        execute(Store().create(config.as_dict(), status="starting").id, progress=True)


def picture(page: Page, target: Path) -> None:
    """The whole page, as a small PNG."""
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": 1280, "height": min(MOST_HEIGHT, max(900, height + 40))})
    page.wait_for_timeout(2500)  # Figures are drawn after the page says that it is done.
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(target, optimize=True)
    page.set_viewport_size({"width": 1280, "height": 900})


def main() -> None:
    """Train, open every page twice, and save what is seen."""
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
            for theme in ("light", "dark"):
                context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=theme)
                page = context.new_page()
                page.set_default_timeout(180_000)
                every = [name for pages in SECTIONS.values() for name, _, _ in pages]
                names = list(dict.fromkeys([*every, *ADDRESSES]))
                for name in options.only or names:
                    page.goto(f"{server.url}/{ADDRESSES.get(name, '' if name == 'home' else name)}")
                    page.wait_for_timeout(1500)
                    settled(page, 300)
                    picture(page, target / f"{name}-{theme}.png")
                    print(target / f"{name}-{theme}.png")
                context.close()
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main()
