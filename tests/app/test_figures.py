"""Figures of a search: every quantity with its unit, every start with its line, every error with its band."""

import numpy as np

from app import dartboard
from daedalus.app.figures import comparison_figure, search_figure
from daedalus.app.progress import cost_name, state_text
from daedalus.core import History

PROBLEM = dartboard.problem()


def history(starts, rounds=6):
    """A made-up search with falling distances."""
    number = np.arange(rounds * starts)
    falling = 1000.0 * 0.5 ** (number // starts) * (1 + number % starts)
    columns = {"row": number, "round": number // starts, "start": number % starts}
    columns |= {"status": np.array(["ok"] * len(number)), "loss": falling / 100}
    for figure in PROBLEM.figures:
        columns |= {figure.name: falling, f"{figure.name}_error": 0.1 * falling}
    return History(columns)


def test_a_few_starts_have_lines_bands_and_a_legend():
    axes = search_figure(PROBLEM, history(2)).axes
    assert [panel.get_ylabel() for panel in axes] == [
        "loss",
        "distance2 [cm2]",
        "price [EUR]",
        "on board [percent]",
    ]
    assert [len(panel.lines) for panel in axes] == [2, 2, 2, 2]
    assert [len(panel.collections) for panel in axes] == [0, 2, 2, 2]
    band = axes[1].collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (0.9 * 1000 / 2**5, 1.1 * 1000)
    assert axes[0].get_legend() is not None
    assert axes[1].get_yscale() == "log"
    assert axes[-1].get_xlabel() == "round"


def test_many_starts_are_a_cloud_with_the_best_so_far():
    panel = search_figure(PROBLEM, history(16)).axes[0]
    assert len(panel.lines) == 17
    np.testing.assert_allclose(panel.lines[-1].get_ydata()[::16], 10 * 0.5 ** np.arange(6))


def test_the_comparison_shows_every_design_and_figure():
    sheet = {f.name: {"unit": f.unit, "kind": "objective", "sense": "minimise", "doc": f.doc} for f in PROBLEM.figures}
    values = {name: number + 1.0 for number, name in enumerate(sheet)}
    designs = {name: {"values": values, "errors": values} for name in ("start", "optimised")}
    designs["pub"] = {"values": {}, "errors": {}}  # it could not be measured
    axes = comparison_figure({"designs": designs, "figures": sheet, "scenarios": 3, "events": 5}).axes
    assert [panel.get_xlabel() for panel in axes] == ["distance2 [cm2]", "price [EUR]", "on board [percent]"]
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == ["start", "optimised", "pub"]
    assert axes[0].containers[0].lines[0].get_xdata() == [1.0]


def test_the_progress_shows_loss_and_cost_of_the_best_start():
    assert cost_name(PROBLEM) == "price"
    assert state_text(PROBLEM, history(2, rounds=2)) == "loss 5   price 500 EUR"
