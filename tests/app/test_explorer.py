"""The explorer without a browser: what is evaluated, who may look, and what is said to nonsense."""

import base64
import dataclasses
import json
import re
import socket
import sys

import numpy as np
import pytest

import daedalus
from daedalus.app.explorer.descent import descended
from daedalus.app.explorer.designs import Designs
from daedalus.app.explorer.fields import TOGETHER, groups, scale_of
from daedalus.app.explorer.files import download
from daedalus.app.explorer.live import prepared
from daedalus.app.explorer.place import number, place_of, received
from daedalus.app.explorer.reading import differences
from daedalus.app.explorer.server import explorer, live_run
from daedalus.app.explorer.token import access
from daedalus.core import History
from daedalus.errors import RunError
from daedalus.execution import PythonFunction, RunFolder, read_history
from daedalus.execution.history_file import write_history

TOKEN = "a-token-for-tests"


def alive(folder, name, events, scenarios=None, **options):
    """The live evaluation of a problem that no run has searched."""
    problem = daedalus.load(name, **options)
    count = scenarios or problem.scenarios.count
    return prepared(Designs(RunFolder(folder), problem), seed=1, events=events, scenarios=count, fixed=events)


@pytest.fixture(scope="module")
def folder(elsewhere, tmp_path_factory):
    """A folder as a run leaves it, of six rows on the way from the start to the pub's board."""
    problem = daedalus.load("dartboard/hang", wall="wood")
    path = RunFolder(tmp_path_factory.mktemp("explored") / "run")
    path.path.mkdir()
    path.note(problem=problem.name, problem_version=problem.version, status="finished")
    path.write_configuration(f'problem = "{problem.name}"\nprecision = "float64"\n[options]\nwall = "wood"\n')
    path.write_start(problem, problem.start)
    path.write_design(problem, problem.references["pub"])
    share = np.linspace(0.0, 1.0, 6)[:, None]
    begin, end = (
        np.array(place_of(problem.space, each, "").values) for each in (problem.start, problem.references["pub"])
    )
    rows = dict(zip((entry.column for entry in problem.space.entries), ((1 - share) * begin + share * end).T))
    told = {"row": np.arange(6), "round": np.arange(6), "start": np.zeros(6, int), "status": np.full(6, "ok")}
    path.write_history(History(told | rows | {"loss": np.array([9.0, 7.0, 6.0, 4.0, 2.0, 3.0])}))
    return path.path


@pytest.fixture(scope="module")
def crescent(tmp_path_factory):
    """The live evaluation of a problem whose constraints are known."""
    return alive(tmp_path_factory.mktemp("crescent"), "test_functions/g06", 2, known=True)


@pytest.fixture(scope="module")
def served(folder):
    """The live evaluation and the application of that run."""
    live, found = live_run(folder, 20)
    return live, explorer(live, found, access("127.0.0.1", TOKEN))


@pytest.fixture
def client(served):
    """A visitor who has the token."""
    visitor = served[1].server.test_client()
    assert visitor.get(f"/?token={TOKEN}").status_code == 200
    return visitor


# ---------------------------------------------------------------- figures


@pytest.mark.parametrize("name", ["dartboard/hang", "dartboard/reach"])  # scenarios left out, and groups of events
def test_figures_and_their_errors_are_those_of_an_evaluation(elsewhere, tmp_path, name):
    live = alive(tmp_path, name, 21)
    place = live.place("start")
    place = place.moved(0, place.values[0] + 0.25)
    found = live.reading(place)
    sizes = {"events": live.sizes.events, "scenarios": live.sizes.scenarios}
    told = live.problem.evaluate(live.design(place), key=live.key, **sizes)
    for figure, value in told.values.items():
        np.testing.assert_allclose(found.values[figure], float(value), rtol=1e-12)
        np.testing.assert_allclose(found.errors[figure], float(told.errors[figure]), rtol=1e-7, atol=1e-14)
    np.testing.assert_allclose((found.loss, found.errors["loss"]), (told.loss, told.loss_error), rtol=1e-7)
    assert (found.status, found.accepted) == ("ok", pytest.approx(float(told.accepted)))


def test_differences_are_paired(elsewhere, tmp_path):
    live = alive(tmp_path, "dartboard/reach", 40)
    near, far = (live.reading(live.place("start").moved(0, way)) for way in (2.0, 3.0))
    share = 1.0 - (2.0 / 3.0) ** 2  # the same darts spread in proportion to the way
    value, error = differences(far, near)["spread2"]
    np.testing.assert_allclose(value, share * far.values["spread2"], rtol=1e-12)
    np.testing.assert_allclose(error, share * far.errors["spread2"], rtol=1e-9)
    assert error < np.hypot(far.errors["spread2"], near.errors["spread2"])
    assert differences(far, far)["spread2"] == (0.0, 0.0)


def test_events_follow_from_the_time_they_take(elsewhere, tmp_path):
    designs = Designs(RunFolder(tmp_path), daedalus.load("dartboard/reach"))
    live = prepared(designs, seed=1, events=37, scenarios=1)
    assert live.sizes.events == 37  # all of them: they take no time
    simulated = dataclasses.replace(designs.problem, build=None, simulator=PythonFunction(abs, ["way"]))
    with pytest.raises(RunError, match="foreign simulator"):
        prepared(Designs(RunFolder(tmp_path), simulated), seed=1, events=37, scenarios=1)
    frozen = dataclasses.replace(designs.problem, frozen=("way",))
    with pytest.raises(RunError, match="no free parameter"):
        prepared(Designs(RunFolder(tmp_path), frozen), seed=1, events=37, scenarios=1)


# ---------------------------------------------------------------- moves


def test_pulling_back_meets_what_is_known_and_moves_nothing_else(crescent):
    live = crescent
    start = live.place("start")
    assert live.pulled_back(start) == start
    outside = start.moved(1, 2.0)
    assert live.reading(outside).status == "infeasible"
    back = live.pulled_back(outside)
    assert live.reading(back).status == "ok"
    assert np.linalg.norm(np.subtract(back.values, outside.values)) < 3.0


@pytest.mark.parametrize(
    ("name", "options", "held"),
    [
        ("dartboard/hang", {}, "place[1]"),
        ("test_functions/whole_rosenbrock", {"noise": False}, "p[0]"),  # no derivative
    ],
)
def test_reoptimising_lowers_the_loss_and_holds_what_is_held(elsewhere, tmp_path, name, options, held):
    live = alive(tmp_path, name, 2 if options else 20, **options)
    begin = live.place("start")
    index = live.problem.space.names.index(held)
    place, found = live.improved(begin, [held])
    assert place.values[index] == begin.values[index]
    assert live.reading(place).loss < live.reading(begin).loss - 1e-3
    assert found.end == pytest.approx(live.reading(place).loss)
    assert live.reading(place).status == "ok"
    with pytest.raises(RunError, match="all parameters are held"):
        live.improved(begin, live.problem.space.names)
    with pytest.raises(RunError, match="no free parameter"):
        live.improved(begin, ["nonsense"])


def test_reoptimising_stays_within_known_constraints_though_something_is_held(crescent):
    begin = crescent.place("start")
    place, _ = crescent.improved(begin, ["x[0]"])
    assert place.values[0] == begin.values[0]
    # the cubic falls with x[1]; at x[0] = 15.05 the crescent ends where its inner circle does
    edge = 5.0 - np.sqrt(82.81 - (begin.values[0] - 6.0) ** 2)
    assert edge - 1e-6 <= place.values[1] < begin.values[1] - 0.5
    assert crescent.reading(place).status == "ok"


def test_a_descent_is_never_worse_than_its_beginning():
    begin, free = np.array([0.5, 0.5]), np.array([True, True])
    uphill = descended(lambda x: float(np.sum((x - 0.5) ** 2)), lambda x: np.ones(2), begin, free)
    assert (uphill.end, uphill.cube.tolist()) == (0.0, [0.5, 0.5])
    lost = descended(lambda x: 1.0, lambda x: np.full(2, np.nan), begin, free)
    assert (lost.begin, lost.end) == (1.0, 1.0)


# ---------------------------------------------------------------- designs


def test_a_run_offers_its_designs_by_name(served, folder):
    live, _ = served
    history = read_history(folder)
    names = live.designs.names()
    assert list(names) == ["optimum", "start", "best", "reference pub"]
    assert live.place("best").leaves == f"row {history.best_row()}"
    space = live.problem.space
    assert place_of(space, history.design(live.problem, 2), "row 2") == live.place("row 2")
    for name, text in [("row 99", "no row '99'; its rows are 0 to 5"), ("row x", "no row 'x'"), ("pob", "reference")]:
        with pytest.raises(RunError, match=text):
            live.place(name)


def test_a_run_in_progress_is_followed(served, folder, tmp_path):
    live, _ = served
    history = read_history(folder)
    first = {name: column[:2] for name, column in history.columns.items()}
    (tmp_path / "manifest.json").write_text('{"status": "running"}')
    designs = Designs(RunFolder(tmp_path), live.problem)
    assert (len(designs.history()), designs.best_row(), designs.first()) == (0, None, "start")
    with pytest.raises(RunError, match="no row of the history is sound yet"):
        designs.named("best")
    write_history(tmp_path / "history.parquet", type(history)(first | {"loss": np.array([2.0, 1.0])}))
    assert (designs.first(), designs.settled("best"), designs.status()) == ("best", "row 1", "running")
    write_history(tmp_path / "history.parquet", history)
    assert (len(designs.history()), designs.best_row()) == (len(history), history.best_row())


def test_near_optimal_ranges_are_read_where_they_are_known(served, tmp_path):
    designs = Designs(RunFolder(tmp_path), served[0].problem)
    assert designs.free_play() == {}
    lines = {"a": {"profile": [1, 2], "slice": [3, 2]}, "b": 3, "c": {"slice": [1, "x"]}, "d": {"profile": [1, None]}}
    (tmp_path / "landscape.json").write_text(json.dumps({"free_play": lines}))
    assert designs.free_play() == {"a": {"profile": (1.0, 2.0)}, "b": {}, "c": {}, "d": {}}
    (tmp_path / "landscape.json").write_text("{no json")
    assert designs.free_play() == {}


def test_a_download_is_what_evaluate_reads(cli, served, tmp_path):
    live, _ = served
    place = live.place("optimum").moved(0, 12.5)
    given = download(live, place)
    (tmp_path / given["filename"]).write_text(given["content"])
    words = ("--events", 20, "--scenarios", 4, "--set", "wall=wood", "--precision", "float64", "--json")
    code, out, said = cli("evaluate", "dartboard/hang", "--design", given["filename"], *words)
    assert code == 0, said
    assert json.loads(given["content"])["parameters"]["place[0]"] == {"value": 12.5, "unit": "cm"}
    assert json.loads(out)["measured"]["values"]["price"] == pytest.approx(live.reading(place).values["price"])


def test_few_parameters_are_shown_at_once_and_many_by_their_fields():
    assert list(groups(["z[0]", "z[1]", "pitch"])) == ["all"]
    names = [f"{part}.{axis}[{i}]" for part in ("upper", "lower") for axis in "xy" for i in range(10)]
    assert list(groups(names)) == ["upper.x, upper.y", "lower.x, lower.y"]
    many = groups([f"p[{i}]" for i in range(100)])
    assert list(many)[:2] == ["p[0] to p[23]", "p[24] to p[47]"]
    assert [i for part in many.values() for i in part] == list(range(100))
    assert max(map(len, many.values())) == TOGETHER


# ---------------------------------------------------------------- nonsense


@pytest.mark.parametrize("text", ["", "abc", "1,5", "nan", "-inf", "1e999", "300", "٣x", None, [], {}, True, 10**400])
def test_what_is_no_number_that_fits_is_named(served, text):
    entry = served[0].problem.space.entries[0]
    with pytest.raises(RunError, match=r"place\[0\] is .*expected a number from -100 to 100 cm"):
        number(entry, text)


def test_numbers_are_those_of_the_data_sheet(served):
    entry = served[0].problem.space.entries[0]
    assert (number(entry, " 12.5 "), number(entry, -100), number(entry, "1e2")) == (12.5, -100.0, 100.0)
    assert scale_of(entry) == {"name": "place[0]", "low": -100.0, "high": 100.0, "decimals": 1}
    whole = dataclasses.replace(entry, kind="whole")
    with pytest.raises(RunError, match="expected a whole number"):
        number(whole, "2.5")


@pytest.mark.parametrize(
    "given", [None, 3, {}, {"values": 3}, {"values": [1.0], "leaves": "start"}, {"values": [1] * 3}]
)
def test_what_is_no_place_is_refused(served, given):
    with pytest.raises(RunError, match="Load the page again"):
        received(served[0].problem.space, given)


# ---------------------------------------------------------------- doors


def test_only_the_token_opens(served):
    server = served[1].server
    for path in ("/", "/?token=wrong", "/?token=%FF%00", f"/?token={TOKEN}x", "/_dash-layout", "/_dash-dependencies"):
        answer = server.test_client().get(path)
        assert answer.status_code == 403, path
        assert b"daedalus explore" in answer.data
        assert "Set-Cookie" not in answer.headers
    assert server.test_client().post("/_dash-update-component", json={}).status_code == 403
    visitor = server.test_client()
    visitor.set_cookie(access("127.0.0.1", TOKEN).cookie, "wrong")
    assert visitor.get("/").status_code == 403


def test_the_token_is_kept_as_a_cookie_that_scripts_and_strangers_do_not_see(served):
    visitor = served[1].server.test_client()
    cookie = visitor.get(f"/?token={TOKEN}").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert visitor.get("/").status_code == 200
    assert visitor.get("/_dash-layout").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8050", "127.0.0.1.evil.example", "192.168.0.7"])
def test_other_names_for_this_machine_are_refused(client, host):
    answer = client.get(f"/?token={TOKEN}", headers={"Host": host})
    assert answer.status_code == 403
    assert b"--host" in answer.data
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("host", "header", "known"),
    [
        ("127.0.0.1", "localhost:9000", True),  # a forwarded port
        ("127.0.0.1", "[::1]:8050", True),
        ("127.0.0.1", "", False),
        ("127.0.0.1", None, False),
        ("tower.example", "Tower.example:8050", True),
        ("tower.example", "192.168.0.7", False),
        ("0.0.0.0", "192.168.0.7:8050", True),  # no name can be bound to an address
        ("0.0.0.0", "evil.example", False),
        ("0.0.0.0", f"{socket.gethostname()}:1", True),
    ],
)
def test_names_that_are_served(host, header, known):
    assert access(host, TOKEN).serves(header) is known


def test_tokens_are_long_and_random():
    assert access("localhost").token != access("localhost").token
    assert len(access("localhost").token) >= 32
    for bad in ("short", "with spaces in it", "ümlaute-sind-lang", "x" * 200):
        with pytest.raises(RunError, match="expected 12 to 128"):
            access("localhost", bad)


def test_nothing_comes_from_other_servers(client):
    answer = client.get("/")
    sources = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert any("plotly" in each or "dash_core_components" in each for each in sources)
    assert all(each.startswith("/") and not each.startswith("//") for each in sources)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    with client.get("/assets/explorer.js") as script:
        assert script.status_code == 200
    assert client.get("/assets/../server.py").status_code in (400, 404)


# ---------------------------------------------------------------- callbacks


def asked(client, first, given, states=(), trigger=0):
    """The answer to the callback of the server with a first input: the status, and what it changes on the page."""
    every = client.get("/_dash-dependencies").json
    named = lambda each: f"{each['id']}.{each['property']}"
    (line,) = [each for each in every if named(each["inputs"][0]) == first and not each["clientside_function"]]
    outputs = [part.rpartition(".") for part in line["output"].strip(".").split("...")]
    body = {
        "output": line["output"],
        "outputs": [{"id": id, "property": prop} for id, _, prop in outputs],
        "inputs": [each | {"value": value} for each, value in zip(line["inputs"], given, strict=True)],
        "state": [each | {"value": value} for each, value in zip(line["state"], states, strict=True)],
        "changedPropIds": [named(line["inputs"][trigger])],
    }
    answer = client.post("/_dash-update-component", json=body)
    return answer.status_code, answer.json["response"] if answer.status_code == 200 else answer.text


def message(response):
    """The text of the message in an answer; None where it was left alone."""
    (told,) = [line for name, line in response.items() if name.startswith("message")] or [None]
    if told is None or told.get("children") in ("", None):
        return None
    return told["children"]["props"]["children"]


LOOK = "asked.data"


def test_a_question_is_answered_with_figures_and_views(served, client):
    live, _ = served
    place = live.place("start").table()
    code, found = asked(client, LOOK, [{"number": 7, "place": place}, "optimum"], [[]])
    assert code == 200
    assert found["answer"]["data"] == {"number": 7}
    text = json.dumps(found["figures"], ensure_ascii=False)
    for each in ("distance2", "cm2", "price", "on_board", "±", "difference to optimum"):
        assert each in text
    assert {trace["name"] for trace in found["drawing"]["figure"]["data"] if trace.get("showlegend")} == {
        "optimum",
        "board",
    }
    assert message(found) is None


GARBAGE = [
    None,
    3,
    "x",
    [],
    {},
    {"number": 1},
    {"place": 3},
    {"number": "x", "place": {"values": ["a"] * 3, "leaves": "start"}},
    {"place": {"values": [1e9, 0, 100], "leaves": "start"}},
    {"place": {"values": [None] * 3, "leaves": "start"}},
]


@pytest.mark.parametrize("question", GARBAGE)
def test_garbage_for_a_question_is_a_message(client, question):
    code, found = asked(client, LOOK, [question, "optimum"], [[]])
    assert code == 200
    assert "expected" in message(found)
    assert "Traceback" not in json.dumps(found)


@pytest.mark.parametrize(
    "against", [None, 3, "nonsense", "row -1", "row 1e3", "pinned A", ["start"], "row " + "9" * 500]
)
def test_garbage_for_a_comparison_is_a_message(served, client, against):
    code, found = asked(client, LOOK, [{"number": 1, "place": served[0].place("start").table()}, against], [[]])
    assert code == 200
    assert "no design is called" in message(found) or "has no row" in message(found)


@pytest.mark.parametrize(
    ("search", "told"),
    [
        ("?token=abc", None),
        ("?start=pub", None),
        ("?start=optimun", "no design is called 'optimun'. Did you mean optimum"),
        ("?row=2&place[0]=10", None),
        ("?row=1e9", "has no row '1e9'"),
        ("?place[0]=NaN", "not finite"),
        ("?place[0]=1000", "expected a number from -100 to 100 cm"),
        ("?%FF%00&&=;'\"><script>", "the address has"),
        ("?radius=" + "9" * 5000, "radius is"),
        (None, None),
        (3, "the address has '3'"),
    ],
)
def test_the_address_may_name_a_design_and_nonsense_in_it_is_a_message(client, search, told):
    code, found = asked(client, "location.search", [search])
    assert code == 200
    assert len(found["place"]["data"]["values"]) == 3  # the page has a design in any case
    text = message(found)
    assert text is None if told is None else told in text


def test_what_is_typed_or_taken_moves_the_design_or_is_a_message(served, client):
    live, _ = served
    place = live.place("start").table()
    at = lambda found: found["place"]["data"]["values"]
    assert at(asked(client, "typed.data", [{"name": "radius", "text": "210"}], [place])[1]) == [60.0, -50.0, 210.0]
    assert at(asked(client, "begin.value", ["reference pub"])[1]) == [0.0, 0.0, 225.0]
    assert at(asked(client, "search.clickData", [None, 1, None, None], ["0"], 1)[1]) == list(live.place("row 0").values)
    clicked = {"points": [{"x": 3}]}
    assert at(asked(client, "search.clickData", [clicked, 0, 0, 0], [None])[1]) == list(live.place("row 3").values)
    for first, given, states, text in (
        ("typed.data", [{"name": "radius", "text": "x"}], [place], "radius is 'x'"),
        ("typed.data", [3], [place], "no parameter is called None"),
        ("begin.value", [{}], [], "no design is called '{}'"),
        ("search.clickData", [{"points": []}, 0, 0, 0], [None], "for a point of the search"),
        ("back.n_clicks", [1], [None], "for a design"),
        ("improve.n_clicks", [1], [{"values": []}, None], "0 values"),
        ("pin.n_clicks", [1], [place, 3], "for pinned designs"),
        ("pinned.data", [[{"name": "A", "values": [1]}], "start"], [], "1 values"),
        ("download.n_clicks", [1], [[]], "for a design"),
        ("upload.contents", ["data:,!!"], ["x"], "cannot be read as JSON"),
        ("upload.contents", ["data:;base64,W10="], ["x"], "holds no parameters"),
        (
            "upload.contents",
            ["data:;base64," + base64.b64encode(b'{"radius": NaN}').decode()],
            [None],
            "a finite number",
        ),
        ("upload.contents", ["data:;base64," + base64.b64encode(b"[" * 10**5).decode()], [None], "cannot be read"),
        ("group.value", ["nonsense", "start"], [place, [], []], "no parameters are called"),
        ("group.value", ["all", "nonsense"], [place, 3, None], "no design is called"),
    ):
        code, found = asked(client, first, given, states)
        assert code == 200
        assert text in message(found), (first, given)


def test_pins_are_compared_and_a_page_keeps_them_itself(served, client):
    live, _ = served
    place, other = (live.place(name).table() for name in ("start", "reference pub"))
    pins = asked(client, "pin.n_clicks", [1], [place, []])[1]["pinned"]["data"]
    pins = asked(client, "pin.n_clicks", [2], [other, pins])[1]["pinned"]["data"]
    assert [pin["name"] for pin in pins] == ["A", "B"]
    found = asked(client, "pinned.data", [pins, "pinned A"])[1]
    text = json.dumps(found["pins"], ensure_ascii=False)
    assert "pinned B" in text
    assert "+1.0625" in text  # EUR: 100 (0.225^2 - 0.2^2)
    assert [line["value"] for line in found["against"]["options"]][-2:] == ["pinned A", "pinned B"]
    empty = asked(client, "pinned.data", [[], "optimum"])[1]
    assert "Nothing is pinned yet" in json.dumps(empty["pins"])  # another visitor's page


def test_controls_have_units_and_the_search_is_told(served, client):
    found = asked(client, "group.value", ["all", "optimum"], [None, [], []])[1]
    text = json.dumps(found["rows"])
    assert [text.count(f'"type": "{kind}"') for kind in ("slider", "field", "hold")] == [3, 3, 3]
    assert " [cm]" in text
    assert "daedalus landscape DIR" in json.dumps(found["shading"])
    told = asked(client, "tick.n_intervals", [0], [None])[1]
    assert "The run is finished; 6 evaluations" in told["run"]["children"]
    assert told["seen"]["data"]["rows"] == 6
    again = asked(client, "tick.n_intervals", [1], [told["seen"]["data"]])
    assert again[0] == 204 or "run" not in again[1]  # nothing is new


BODIES = [
    b"",
    b"garbage",
    b"[]",
    b"3",
    b'{"output": "a.b"}',
    b'{"output": 3}',
    b'{"output": "place.data", "inputs": 3}',
    b"{" * 3000,
    b"[" * 100_000,
    b'{"output": "..place.data...message.children..", "inputs": [{"id": {}}], "changedPropIds": 3}',
]


@pytest.mark.parametrize("body", BODIES)
def test_garbage_for_a_callback_is_refused_and_the_server_stays(client, body):
    answer = client.post("/_dash-update-component", data=body, content_type="application/json")
    assert answer.status_code in (400, 415)
    assert b"Traceback" not in answer.data
    assert client.get("/").status_code == 200


# ---------------------------------------------------------------- the command


def test_the_command_explains_what_it_cannot_do(cli, folder, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        cases = {
            ("explore", tmp_path): "holds no manifest.json",
            ("explore", folder, "--token", "short"): "expected 12 to 128",
            ("explore", folder, "--port", taken): "Choose another --port",
            ("explore", folder, "--port", 70000): "Choose another --port",
            ("explore", folder, "--port", 0, "--events", 0): "events is 0",
        }
        for words, text in cases.items():
            code, out, said = cli(*words)
            assert (code, out, said.count("\n")) in [(1, "", 1), (1, "", 2)], said
            assert text in said
    monkeypatch.setitem(sys.modules, "dash", None)
    code, _, said = cli("explore", folder)
    assert code == 1
    assert "pip install 'daedalus-design[explorer]'" in said
