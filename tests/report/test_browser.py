"""The report in a browser, without scripts; left out where there is no Chromium."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

import bayesgmm as bg

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


NO_SCRIPTS = {"profile": {"default_content_setting_values": {"javascript": 2}}}
PROBE = """<!DOCTYPE html><body style="background: #00ff00">
<script>document.body.style.background = "#ff0000"</script>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder that holds the profile of a browser whose user has switched scripts off."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "profile" / "Default").mkdir(parents=True)
    (folder / "profile" / "Default" / "Preferences").write_text(json.dumps(NO_SCRIPTS))
    return folder


@pytest.fixture(scope="module")
def page(folder):
    birds = bg.datasets.load("penguins")[["bill_length_mm", "flipper_length_mm"]].dropna()
    engine = bg.Laplace(draws=200)
    tree = bg.fit(birds, bg.MixtureSpec(3), engine=engine, random_seed=1, progress=False)
    return bg.write_report(tree, folder / "fit.html")


def screenshot(page, width: int, *, dark: bool) -> np.ndarray:
    """Return the first screens of a page as pixels (height, width, color)."""
    picture = page.with_suffix(".png")
    subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={page.parent / 'profile'}", f"--window-size={width},2400",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            f"--screenshot={picture}", page.as_uri(),
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    with Image.open(picture) as image:
        return np.asarray(image.convert("RGB"), dtype=float)


def test_scripts_are_switched_off_in_these_tests(folder):
    probe = folder / "probe.html"
    probe.write_text(PROBE)
    np.testing.assert_array_equal(screenshot(probe, 500, dark=False)[400, 400], [0, 255, 0])


@pytest.mark.parametrize(("width", "dark"), [(500, True), (1400, False)])
def test_something_is_to_be_seen(page, width, dark):
    pixels = screenshot(page, width, dark=dark)
    assert pixels.shape[1] == width
    brightness = pixels.mean(axis=2)
    paper = np.median(brightness)
    assert paper < 60 if dark else paper > 200
    # Text and lines cover a few hundredths of a page, all the way down.
    written = np.abs(brightness - paper) > 60
    for part in np.array_split(written, 6):
        assert 0.003 < part.mean() < 0.5
