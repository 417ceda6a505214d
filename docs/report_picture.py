"""Makes the picture of a report at the top of the README: python docs/report_picture.py [RUN_DIR]

Without a run it trains the demo's GAN that collapses, in about a minute. Needs Chromium, as the tests do.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

PICTURE = Path(__file__).absolute().with_name("pictures") / "report.png"
WIDTH, HEIGHT = 1300, 820  # the first screen
COLOURS = 128


def main(run_dir: str | None = None) -> None:
    """Report a run, and take a picture of the report's beginning."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    import gandiag

    recorded = Path(run_dir).absolute() if run_dir else None
    with tempfile.TemporaryDirectory(prefix="gandiag-") as folder:
        os.chdir(folder)  # a report names the folder as it was opened
        Path("runs").mkdir()
        if recorded:
            Path("runs/dcgan").symlink_to(recorded)
        else:
            _train_collapsing("runs/dcgan")
        run = gandiag.Run.open("runs/dcgan")
        html, _ = gandiag.reports.write(run, gandiag.diagnose(run), folder)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            page.goto(Path(html).absolute().as_uri())
            page.wait_for_timeout(1500)  # charts are drawn
            shot = page.screenshot()
            browser.close()
    PICTURE.parent.mkdir(exist_ok=True)
    picture = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(PICTURE, optimize=True)


def _train_collapsing(run_dir: str) -> None:
    """The demo's GAN that collapses."""
    from gandiag.zoo.recipes.digits import DEMO
    from gandiag.zoo.training import train

    (recipe,) = (r for r in DEMO if r.name == "collapsing")
    train(recipe, run_dir=run_dir)


if __name__ == "__main__":
    main(*sys.argv[1:])
