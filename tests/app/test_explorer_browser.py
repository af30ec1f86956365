"""The explorer in a real browser, without a window: what somebody does who has never seen it."""

import json
import socket
import threading

import numpy as np
import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

import daedalus
from app.browser import NEEDED, PATIENCE, browser
from daedalus.app.explorer.server import explorer, live_run, served
from daedalus.app.explorer.token import access
from daedalus.core import History
from daedalus.execution import RunFolder, read_design

pytestmark = NEEDED
TOKEN = "a-token-for-tests"


@pytest.fixture(scope="module")
def run(elsewhere, tmp_path_factory):
    """A run folder with a start, an optimum and three rows, and its live evaluation."""
    problem, folder = daedalus.load("dartboard/hang"), RunFolder(tmp_path_factory.mktemp("browsed") / "run")
    folder.path.mkdir()
    folder.note(problem=problem.name, problem_version=problem.version, status="running")
    folder.write_configuration(f'problem = "{problem.name}"\nprecision = "float64"\n')
    folder.write_start(problem, problem.start)
    folder.write_design(problem, problem.references["pub"])
    folder.write_history(rows(3))
    return (*live_run(folder.path, 40), folder)


def rows(count):
    """A history of rows that come nearer to the middle of the wall."""
    number = np.arange(count)
    place = {"place[0] [cm]": 60.0 / (1 + number), "place[1] [cm]": -50.0 / (1 + number), "radius [mm]": 200.0 + number}
    told = {"row": number, "round": number, "start": 0 * number, "status": np.full(count, "ok")}
    return History(told | place | {"loss": 10.0 / (1 + number)})


@pytest.fixture(scope="module")
def address(run):
    """The address of the page, served while the tests of this file run."""
    live, found, _ = run
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = served(explorer(live, found, access("127.0.0.1", TOKEN)).server, listening)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.port}/"
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def browsers(tmp_path_factory):
    """A function that opens a browser of its own, with a folder for its downloads."""
    opened = []

    def another():
        folder = tmp_path_factory.mktemp("downloads")
        opened.append(browser("--window-size=1500,1400", logs=["browser"], downloads=folder))
        return Visitor(opened[-1], folder)

    yield another
    for each in opened:
        each.quit()


class Visitor:
    """Somebody with a browser."""

    def __init__(self, driver, folder):
        self.driver, self.folder = driver, folder

    def open(self, address):
        """Opens an address and waits for figures."""
        self.driver.get(address)
        self.until(lambda: "distance2" in self.text("figures") and len(self.sliders()) == 3)
        return self

    def until(self, condition):
        """Waits for a condition; what is replaced while it is looked at is looked at again."""
        wait = WebDriverWait(self.driver, PATIENCE, 0.05, ignored_exceptions=[StaleElementReferenceException])
        return wait.until(lambda _: condition())

    def text(self, name):
        """The text of the element with an id; empty where there is none."""
        return "".join(each.text for each in self.driver.find_elements(By.ID, name))

    def all(self, selector):
        """The elements of a selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def click(self, name):
        """Presses the button with an id."""
        self.driver.find_element(By.ID, name).click()

    def sliders(self):
        """The values of the sliders."""
        return [float(each.get_attribute("value")) for each in self.all("#rows input[type=range]")]

    def fields(self):
        """The texts of the number fields."""
        return [each.get_attribute("value") for each in self.all("#rows input[type=text]")]

    def type(self, number, text):
        """Types a text into a number field."""
        field = self.all("#rows input[type=text]")[number]
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text, Keys.ENTER)

    def complaints(self):
        """What the browser's console holds that is an error."""
        return [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]


@pytest.fixture(scope="module")
def visitor(browsers):
    """One browser for all tests that need no second one."""
    return browsers()


@pytest.fixture
def page(visitor, address):
    """That browser, with the page open anew."""
    return visitor.open(f"{address}?token={TOKEN}")


def test_the_page_opens_and_needs_nobody_else(page, address):
    assert page.driver.current_url == address  # the token is not left in the address
    assert page.driver.title == "dartboard/hang · Daedalus explorer"
    page.until(lambda: page.sliders() == [0.0, 0.0, 225.0])
    assert "the run's optimum" in page.text("against")
    page.until(lambda: page.all("#drawing .scatterlayer") and page.all("#search .scatterlayer"))
    names = page.driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert len(names) > 10
    assert all(name.startswith((address, "data:", "blob:")) for name in names)
    assert page.complaints() == []


def test_moving_a_slider_moves_the_figures(page):
    before = page.text("figures")
    slider = page.all("#rows input[type=range]")[0]
    for _ in range(5):
        slider.send_keys(Keys.ARROW_RIGHT)
    page.until(lambda: page.text("figures") != before and float(page.fields()[0]) == page.sliders()[0] > 0)
    page.until(lambda: page.all("#figures .worse"))  # further from where darts land than the pub's board
    assert "± " in page.text("figures")
    assert page.complaints() == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("abc", "place[0] is 'abc'; expected a number from -100 to 100 cm"),
        ("NaN", "which is not finite"),
        ("1e9", "place[0] is 1e+09 cm; expected"),
        ("<script>alert(1)</script>", "expected a number from"),
    ],
)
def test_nonsense_in_a_field_is_a_message(page, text, told):
    page.type(0, text)
    page.until(lambda: told in page.text("message"))
    page.type(0, "12.5")
    page.until(lambda: page.sliders()[0] == 12.5 and page.text("message") == "")


def test_nonsense_in_the_address_is_a_message(visitor, address):
    visitor.open(f"{address}?token={TOKEN}&place[0]=nonsense")
    visitor.until(lambda: "place[0] is 'nonsense'; expected a number" in visitor.text("message"))
    visitor.open(f"{address}?row=1&radius=300")
    visitor.until(lambda: visitor.sliders() == [30.0, -25.0, 300.0])
    assert visitor.text("message") == ""


def test_designs_are_pinned_compared_taken_and_dropped(page):
    page.type(2, "300")
    page.until(lambda: page.sliders()[2] == 300.0)
    page.click("pin")
    page.until(lambda: "pinned A" in page.text("pins"))
    assert "+3.9375" in page.text("pins")  # EUR: 100 (0.3^2 - 0.225^2)
    page.type(2, "100")
    page.until(lambda: page.sliders()[2] == 100.0)
    take, drop = page.all("#pins button")
    take.click()
    page.until(lambda: page.sliders()[2] == 300.0)
    drop.click()
    page.until(lambda: "Nothing is pinned yet" in page.text("pins"))
    assert page.complaints() == []


def test_a_design_goes_out_as_a_file_and_comes_in_again(page, run):
    page.type(1, "-7.5")
    page.until(lambda: page.sliders()[1] == -7.5)
    page.click("download")
    path = page.folder / "dartboard_hang.json"
    page.until(path.exists)
    page.until(lambda: read_design(path, run[0].problem) is not None)
    assert json.loads(path.read_text())["parameters"]["place[1]"] == {"value": -7.5, "unit": "cm"}
    (page.folder / "bad.json").write_text("{3")
    (page.folder / "other.json").write_text('{"parameters": {"place": {"value": [10, 20], "unit": "mm"}}}')
    choose = lambda name: page.all("#upload input[type=file]")[0].send_keys(str(page.folder / name))
    choose("bad.json")
    page.until(lambda: "cannot be read as JSON" in page.text("message"))
    choose("other.json")
    page.until(lambda: page.sliders()[:2] == [1.0, 2.0])
    path.unlink()


def test_the_others_are_reoptimised_and_what_is_held_stays(page):
    page.type(2, "400")
    page.until(lambda: page.sliders()[2] == 400.0)
    page.type(0, "50")
    page.until(lambda: page.sliders()[0] == 50.0)
    page.click("improve")
    page.until(lambda: "Loss " in page.text("message"))
    assert "place[0] is held" in page.text("message")
    page.until(lambda: page.sliders()[2] < 400.0)
    assert page.sliders()[0] == 50.0
    page.click("back")
    page.until(lambda: "No constraint is known beforehand." in page.text("message"))


def test_a_run_in_progress_is_followed(page, run):
    page.until(lambda: "The run is running; 3 evaluations" in page.text("run"))
    run[2].write_history(rows(5))
    page.until(lambda: "5 evaluations, the lowest loss is 2 in row 4" in page.text("run"))
    page.click("take_best")
    page.until(lambda: page.sliders() == [12.0, -10.0, 204.0])
    assert page.complaints() == []
    run[2].write_history(rows(3))


def test_two_visitors_do_not_meet(page, browsers, address):
    other = browsers().open(f"{address}?token={TOKEN}")
    page.type(0, "20")
    page.click("pin")
    other.type(0, "-20")
    page.until(lambda: "pinned A" in page.text("pins"))
    for each, value in ((page, 20.0), (other, -20.0)):
        each.until(lambda each=each, value=value: each.sliders()[0] == value)
    assert "Nothing is pinned yet" in other.text("pins")
    assert page.text("figures") != other.text("figures")
    assert page.complaints() == other.complaints() == []


def test_without_the_token_nothing_is_shown(browsers, address):
    stranger = browsers()
    for query in ("", "?token=wrong"):
        stranger.driver.get(address + query)
        assert "This page is not shown to you" in stranger.driver.page_source
        assert "daedalus explore" in stranger.driver.page_source
        assert "dartboard" not in stranger.driver.page_source
