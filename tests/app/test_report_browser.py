"""The report in a real browser, without a window: it opens from the disk, fits, prints, and asks nobody."""

import base64
import json
import re
import shutil

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from app.browser import NEEDED, PATIENCE, browser
from daedalus.app.main import main

pytestmark = NEEDED
SHORT = ("--rounds", 4, "--events", 64, "--scenarios", 2, "--scoring-scenarios", 2, "--precision", "float64")
TALLEST = 261  # mm of a picture on a page of A4 with the margins of the page's style


@pytest.fixture(scope="module")
def report(elsewhere, tmp_path_factory):
    """The report of a short run with a landscape."""
    folder = tmp_path_factory.mktemp("printed") / "run"
    for words in (("run", "dartboard/hang", *SHORT, "--out", folder), ("landscape", folder, "--keys", 2, "--best", 2)):
        assert main([str(word) for word in words]) == 0
    return folder / "report.html"


@pytest.fixture(scope="module")
def driver():
    """A browser."""
    opened = browser(logs=["browser", "performance"])
    yield opened
    opened.quit()


@pytest.fixture
def page(driver, report):
    """The browser with the page opened anew, as wide as a screen."""
    driver.get_log("browser")
    driver.get_log("performance")
    return opened(driver, report, 1280)


def opened(driver, report, width, scheme="light"):
    """The browser with the page in a window so wide, once all pictures are there."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    driver.get(report.as_uri())
    there = "return [...document.images].every(image => image.complete && image.naturalWidth > 0)"
    WebDriverWait(driver, PATIENCE, 0.05).until(lambda _: driver.execute_script(there))
    return driver


def test_it_opens_from_the_disk_and_asks_nobody(page, report):
    assert page.title == "dartboard/hang · Daedalus report"
    assert len(page.find_elements(By.CSS_SELECTOR, "figure")) >= 5
    assert [line["message"] for line in page.get_log("browser")] == []
    sent = [json.loads(line["message"])["message"] for line in page.get_log("performance")]
    asked = {each["params"]["request"]["url"] for each in sent if each["method"] == "Network.requestWillBeSent"}
    assert report.as_uri() in asked
    assert {place for place in asked if not place.startswith("data:")} == {report.as_uri()}


def test_it_opens_where_there_is_nothing_else(driver, report, tmp_path):
    alone = tmp_path / "alone.html"
    shutil.copy(report, alone)
    opened(driver, alone, 1280)
    assert [line["message"] for line in driver.get_log("browser")] == []


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_screen_and_a_telephone(page, report, width, scheme):
    opened(page, report, width, scheme)
    wide, seen = page.execute_script("const d = document.documentElement; return [d.scrollWidth, d.clientWidth]")
    assert wide <= seen
    places = page.execute_script(
        "return [...document.querySelectorAll('img, p, h1, h2, h3, li, pre, .wide')]"
        ".map(e => e.getBoundingClientRect()).filter(b => b.width).map(b => [b.left, b.right])"
    )
    assert len(places) > 50
    assert all(left >= 0 and right <= seen + 0.5 for left, right in places)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out(page, report, scheme):
    opened(page, report, 1280, scheme)
    names = ("body", "figcaption", "nav a", "thead th", "td.best", "dt")
    ask = (
        "const shade = (e, what) => { let c; do { c = getComputedStyle(e)[what]; e = e.parentElement } "
        "while (e && c === 'rgba(0, 0, 0, 0)'); return c };"
        "const e = document.querySelector(arguments[0]); return [shade(e, 'color'), shade(e, 'backgroundColor')]"
    )
    for name in names:
        ink, paper = (luminance(colour) for colour in page.execute_script(ask, name))
        assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) >= 4.5, name  # WCAG 2.2, 1.4.3


def luminance(colour):
    """The relative luminance of "rgb(r, g, b)" (WCAG 2.2)."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_contents_lead_to_the_sections(page):
    links = page.find_elements(By.CSS_SELECTOR, "nav a")
    assert len(links) == 7
    for link in links:
        title = link.text
        link.click()
        target = page.find_element(By.CSS_SELECTOR, ":target")
        assert target.text == title
        top = page.execute_script("return arguments[0].getBoundingClientRect().top", target)
        last = page.execute_script("return innerHeight + scrollY >= document.documentElement.scrollHeight - 1")
        assert last or abs(top) < 2


def test_what_is_folded_opens(page):
    fold = page.find_element(By.CSS_SELECTOR, "details")
    inside = fold.find_element(By.CSS_SELECTOR, "table")
    assert not inside.is_displayed()
    fold.find_element(By.CSS_SELECTOR, "summary").click()
    assert inside.is_displayed()


def test_it_prints_on_pages(page):
    made = base64.b64decode(page.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    assert made.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", made)) >= 2
    boxes = {tuple(float(x) for x in box.split()) for box in re.findall(rb"/MediaBox\s*\[([^\]]*)\]", made)}
    assert boxes
    assert all((width, height) == pytest.approx((595, 842), abs=1.5) for _, _, width, height in boxes)  # A4 [pt]


def test_in_print_nothing_is_cut(page):
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    width = round(180 / 25.4 * 96)  # of A4 without its margins [pixel]
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    seen = page.execute_script(
        "return [...document.querySelectorAll('figure, img, table, tr')].map(e => { "
        "const b = e.getBoundingClientRect(), s = getComputedStyle(e); "
        "return [e.tagName, e.className, b.right, b.height, s.breakInside] })"
    )
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    shown = [each for each in seen if each[3]]
    assert {tag for tag, *_ in shown} == {"FIGURE", "IMG", "TABLE", "TR"}
    for tag, kind, right, height, inside in shown:
        assert right <= width + 0.5, (tag, kind)
        assert height <= TALLEST / 25.4 * 96 or "long" in kind, (tag, kind)
        assert tag == "IMG" or inside == "avoid" or "long" in kind, (tag, kind)
    assert [kind for tag, kind, *_ in shown if tag == "IMG" and "moving" in kind] == []
    assert len([kind for tag, kind, *_ in shown if tag == "IMG" and "still" in kind]) == 1
