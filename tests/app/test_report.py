"""The report: one page that needs nothing else, says all that a run folder holds, and survives hostile texts."""

import base64
import io
import itertools
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import daedalus
from daedalus.app.report import provenance, write_report
from daedalus.app.report.markup import anchor
from daedalus.core import History
from daedalus.execution import RunFolder
from daedalus.execution.files import json_text, write_text
from house.source import ROOT

VOID = {"meta", "img", "br", "link", "hr"}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> & \"quoted\" 'text' </style></title>"
SECTIONS = [
    "What was asked",
    "The answer",
    "Before and after",
    "How the search went",
    "Designs that are nearly as good",
    "What matters, and how sure it is",
    "How it was made, and how to repeat it",
]


class Page(HTMLParser):
    """What a browser would make of a page: elements with their attributes, and the texts of each section."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.sections, self.rows = [], [], {}, {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "section":
            self.here = dict(attrs)["aria-labelledby"]
            self.sections[self.here] = ""
            self.rows[self.here] = 0
        if tag == "tr" and "section" in self.open and "details" not in self.open:
            self.rows[self.here] += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "section" in self.open:
            self.sections[self.here] += data

    def all(self, tag, attribute):
        """The values of an attribute of all elements that have it."""
        return [attrs[attribute] for name, attrs in self.elements if name == tag and attribute in attrs]


@pytest.fixture(scope="module")
def once(elsewhere, tmp_path_factory):
    """A run folder with everything in it, none of which was computed."""
    problem, made = daedalus.load("dartboard/hang", wall="wood"), RunFolder(tmp_path_factory.mktemp("once") / "my run")
    made.path.mkdir()
    made.note(**noted(problem))
    made.write_configuration('problem = "dartboard/hang"\nprecision = "float64"\n\n[options]\nwall = "wood"\n')
    made.write_start(problem, problem.start)
    made.write_design(problem, problem.references["pub"])
    made.write_history(rows(3))
    made.write_result(measured(problem))
    made.write_figures({name: drawing() for name in ("search", "comparison", "wall", "free_play", "novelty")})
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    moving = io.BytesIO()
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:])
    made.write_animation(moving.getvalue())
    write_text(made.path / "landscape.json", json_text(landscape()))
    return made.path


@pytest.fixture
def folder(once, tmp_path):
    """A copy of it, to do with as one likes."""
    return RunFolder(shutil.copytree(once, tmp_path / "my run"))


def noted(problem):
    return {
        "problem": problem.name, "problem_version": problem.version, "status": "finished", "rounds": 3, "starts": 1,
        "optimiser": "Adam(\n  decay=(0.9, 0.99)\n)", "seed": 7, "precision": "float64", "daedalus": "1.2.3",
        "parameters": 3, "learned_numbers": 0, "physics": ["darts fly straight"], "packages": {"jax": "9.8.7"},
        "partition": {"events": 40, "scenarios": 4, "groups": 1, "block": 64}, "started_at": "2026-01-02T03:04:05",
        "configuration": {"problem": problem.name, "options": {"wall": "wood"}},
    }  # fmt: skip


def rows(count):
    """A history whose loss falls."""
    number = np.arange(count)
    told = {"row": number, "round": number, "start": 0 * number, "status": np.full(count, "ok")}
    return History(told | {"loss": 10.0 / (1 + number)})


def measured(problem):
    """The figures of three designs: the reference is better than the optimised one."""
    names = [figure.name for figure in problem.figures]
    kinds = [type(figure).__name__.lower() for figure in problem.figures]
    design = lambda value: {
        "values": dict.fromkeys(names, value) | {"on_board": 50.0 + value / 100},
        "errors": dict.fromkeys(names, 0.5),
        "loss": value,
    }
    sheet = {
        name: {
            "unit": "cm2",
            "kind": kind,
            "sense": "minimise" if kind == "objective" else None,
            "doc": f"doc of {name}",
        }
        for name, kind in zip(names, kinds, strict=True)
    }
    designs = {"start": design(40.0), "optimised": design(20.0), "pub": design(10.0)}
    return {"events": 40, "scenarios": 8, "row": 2, "figures": sheet, "designs": designs}


def landscape():
    line = {"value": 0.0, "unit": "cm", "bounds": [-100, 100], "slice": [-3.0, 4.0], "slice_open": [False, False]}
    play = line | {"profile": [-100.0, 9.0], "profile_open": [True, False]}
    row = {"row": 2, "claimed": [3.0, 0.1], "again": [4.0, 0.1], "real": [4.5, 0.1], "behind": [0, 0], "chance": 1.0}
    looked = {"allowance": 0.05, "options": ["--events", "40", "--scenarios", "4", "--keys", "2"]}
    return {
        "allowance": 0.05, "keys": 2, "looked": {"free_play": looked}, "free_play": {"place[0]": play},
        "directions": ["place[0] +1.00; +-3 cm"], "confirmed": [row],
        "references": [["design", "loss [1]"], ["pub", "10 ± 1"]],
        "limits": [["without", "loss [1]"], ["wind", "9 ± 1"]],
    }  # fmt: skip


def drawing():
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 2])
    return figure


def page(folder):
    """The page of a folder as it is now."""
    write_report(folder)
    return Page((folder.path / "report.html").read_text(encoding="utf-8"))


def test_the_page_loads_nothing_and_its_pictures_are_in_it(folder):
    seen = page(folder)
    assert not {"script", "link", "iframe", "object", "base", "form"} & {tag for tag, _ in seen.elements}
    sources = seen.all("img", "src")
    assert len(sources) == 7  # five figures, the animation, its last picture
    kinds = set()
    for source in sources:
        head, _, data = source.partition(",")
        with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as image:
            image.load()
            kinds.add(image.format)
            assert head == f"data:image/{image.format.lower()};base64"
    assert kinds == {"PNG", "GIF"}
    beside = [place for place in seen.all("a", "href") if not place.startswith("#")]
    known = {path.relative_to(folder.path).as_posix() for path in folder.path.rglob("*") if path.is_file()}
    assert beside
    assert {place for place in beside if place != "figures/"} <= known
    assert {"manifest.json", "config.toml", "history.parquet", "landscape.json", "figures/wall.pdf"} <= set(beside)
    style = re.search(r"<style>(.*?)</style>", (folder.path / "report.html").read_text(), re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_is_one_that_can_be_heard(folder):
    seen = page(folder)
    pictures = [attrs for tag, attrs in seen.elements if tag == "img"]
    assert all(attrs["alt"].strip() for attrs in pictures)
    levels = [int(tag[1]) for tag, _ in seen.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert [attrs.get("lang") for tag, attrs in seen.elements if tag == "html"] == ["en"]
    ids = [attrs["id"] for _, attrs in seen.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {place[1:] for place in seen.all("a", "href") if place.startswith("#")} <= set(ids)
    cells = [attrs["scope"] for tag, attrs in seen.elements if tag == "th"]
    assert set(cells) == {"col", "row"}


def test_every_section_is_there_and_in_the_contents(folder):
    seen = page(folder)
    assert list(seen.sections) == [anchor(title) for title in SECTIONS]
    assert [place for place in seen.all("a", "href") if place.startswith("#")] == [f"#{anchor(t)}" for t in SECTIONS]
    told = {
        "What was asked": ("Hang a dartboard", "mean squared distance of darts", "reference scale", "must fit the door",
                           "0 to 60", "-100 to 100", "where its centre hangs", "darts fly straight", "wood",
                           "480 particles"),
        "The answer": ("40.00 ± 0.50", "20.00 ± 0.50", "−50 %", "less is better", "within errors", "-3 to 4",
                       "-100* to 9", "not the best one known", "pub (10)"),
        "Before and after": ("Wall", "in print, the last one"),
        "How the search went": ("3 evaluations in 3 rounds", "10 at first", "in round 2"),
        "Designs that are nearly as good": ("within 5 % of the best", "Free play", "Directions", "Novelty"),
        "What matters, and how sure it is": ("winner's curse", "wind", "Reference designs", "switched off"),
        "How it was made, and how to repeat it": ("1.2.3", "jax 9.8.7", "seed", "daedalus rerun 'my run'", "@software",
                                                  "--events 40 --scenarios 4 --keys 2"),
    }  # fmt: skip
    for title, texts in told.items():
        for text in texts:
            assert text in seen.sections[anchor(title)], (title, text)
    assert "Novelty" not in seen.sections[anchor("Before and after")]


def test_sections_without_data_are_left_out(folder):
    for name in ("landscape.json", "result.json", "design.json", "history.parquet"):
        (folder.path / name).unlink()
    for path in folder.figures.iterdir():
        path.unlink()
    seen = page(folder)
    assert list(seen.sections) == [anchor(SECTIONS[number]) for number in (0, 1, 6)]
    assert "No design was measured" in seen.sections[anchor("The answer")]


def test_hostile_texts_stay_texts(folder):
    folder.note(cause=HOSTILE, status="failed", daedalus=HOSTILE, physics=[HOSTILE], optimiser=HOSTILE, seed=HOSTILE)
    noted = folder.manifest()
    folder.note(configuration=noted["configuration"] | {"options": {HOSTILE: HOSTILE}})
    found = landscape() | {"directions": [HOSTILE], "limits": [[HOSTILE, "b"], [HOSTILE, HOSTILE]]}
    write_text(folder.path / "landscape.json", json_text(found))
    result = json.loads((folder.path / "result.json").read_text())
    result["figures"] = {name: line | {"doc": HOSTILE, "unit": HOSTILE} for name, line in result["figures"].items()}
    folder.write_result(result)
    seen = page(folder)
    assert not {"script"} & {tag for tag, _ in seen.elements}
    assert all(source.startswith("data:image/") for source in seen.all("img", "src"))
    assert not any(name.startswith("on") for _, attrs in seen.elements for name in attrs)
    assert seen.sections[anchor("What was asked")].count(HOSTILE) == 3  # physics, and an option's name and value


def test_a_hostile_problem_that_is_not_installed_has_a_page(folder):
    folder.note(problem=HOSTILE, figures=["../../secret", "https://example.org/x", HOSTILE, "search"])
    (folder.path / "config.toml").write_text('problem = "no/such"\n')
    seen = page(folder)
    assert "could not be read here" in seen.sections[anchor("What was asked")]
    assert len(seen.all("img", "src")) == 3  # the search, and the animation twice
    assert not any("example.org" in place or ".." in place for place in seen.all("a", "href"))


def test_many_parameters_are_summarised_and_listed_at_the_end(folder):
    for name, shift in (("start", 0.0), ("design", 0.5)):
        table = {f"gain[{i}]": {"value": i + shift, "unit": "cm"} for i in range(256)}
        write_text(folder.path / f"{name}.json", json_text({"parameters": table | {"far": {"value": 3, "unit": "m"}}}))
    (folder.path / "config.toml").write_text('problem = "no/such"\n')  # whose parameters are as the files say
    seen = page(folder)
    told = seen.sections[anchor("The answer")]
    for text in ("257 parameters", "gain[0..255]", "0 to 255", "0.5 to 255.5", "far"):
        assert text in told
    assert "gain[7]" not in told
    assert seen.rows[anchor("The answer")] < 12
    assert "gain[7]" in seen.sections["all-parameters"]
    assert "#all-parameters" in seen.all("a", "href")
    assert list(seen.sections)[-1] == "all-parameters"


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("failed", ("This run failed.", "the loss is <nan>", "daedalus replay", "daedalus resume 'my run'")),
        ("interrupted", ("ended before its last round", "3 of 3 rounds", "daedalus resume 'my run'")),
        ("running", ("not finished (running)", "daedalus status 'my run'")),
    ],
)
def test_a_run_that_did_not_end_well_says_so_first(folder, status, told):
    folder.note(status=status, **({"cause": "the loss is <nan>"} if status == "failed" else {}))
    (folder.path / "result.json").unlink()
    write_report(folder)
    text = (folder.path / "report.html").read_text()
    warning = re.search(r'<aside class="warning".*?</aside>', text, re.DOTALL)
    assert warning
    assert warning.start() < text.index("<nav")
    plain = re.sub("<[^>]*>", "", warning[0]).replace("&lt;", "<").replace("&gt;", ">").replace("&#x27;", "'")
    for each in (*told, "no design was measured"):
        assert each in plain


def test_a_finished_run_has_no_warning(folder):
    write_report(folder)
    assert 'class="warning"' not in (folder.path / "report.html").read_text()


def test_a_run_that_left_no_row_is_reported(cli, folder, tmp_path):
    failed = RunFolder(tmp_path / "bad")
    failed.path.mkdir()
    failed.note(status="failed", cause="nothing works", configuration={"problem": "dartboard/hang"})
    failed.write_configuration('problem = "dartboard/hang"\n')
    code, _, said = cli("report", "bad")
    assert code == 0, said
    assert "there is nothing to draw" in said
    text = (failed.path / "report.html").read_text()
    assert "nothing works" in text
    assert "0 of its rounds" in text


def test_a_landscape_of_another_time_is_no_disaster(folder):
    write_text(folder.path / "landscape.json", json_text({"free_play": {"place[0]": {"slice": [1, 2]}}}))
    assert "of another version of Daedalus" in page(folder).sections[anchor("Designs that are nearly as good")]


def test_better_designs_around_that_of_the_run_are_told(folder):
    telling = "a longer search would pay"
    assert telling not in page(folder).sections[anchor("Designs that are nearly as good")]
    found = landscape() | {"near_optimal": {"run": {"inside": False}}}
    write_text(folder.path / "landscape.json", json_text(found))
    assert telling in page(folder).sections[anchor("Designs that are nearly as good")]


def test_frozen_parameters_are_told_from_those_that_move(folder):
    folder.write_configuration('problem = "dartboard/hang"\nfreeze = ["place"]\n')
    seen = page(folder).sections
    assert "One number of the design may vary" in seen[anchor("What was asked")]
    assert "2 more are held" in seen[anchor("What was asked")]
    assert seen[anchor("The answer")].count("(held)") == 2


def test_a_broken_picture_is_no_disaster(folder):
    (folder.figures / "wall.png").write_bytes(b"no picture")
    (folder.figures / "search.gif").write_bytes(b"GIF89a, but not really")
    seen = page(folder)
    assert "cannot be read" in seen.sections[anchor("Before and after")]
    assert len(seen.all("img", "src")) == 4


def test_it_is_cited_as_the_citation_file_says():
    facts = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f'title: "{provenance.TITLE}"' in facts
    assert f'name: "{provenance.AUTHORS}"' in facts
    assert f"license: {provenance.LICENCE}\n" in facts
