"""Workspaces that break the schema are told where and why; settings that the format does not know are not dropped."""

import copy
import json

import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.errors import LikelihoodError
from daedalus.inference.histfactory.model import BinnedModel
from daedalus.inference.histfactory.templates import Channel, NormFactor, Sample
from daedalus.inference.histfactory.workspace import Measurement, Workspace, document_of, read_workspace, workspace_of
from inference.histfactory import workspaces
from inference.histfactory.workspaces import modifier, norm, sample, shape, workspace

SOUND = workspaces.everything()
CHANNEL, MEASUREMENT = ("channels", 0), ("measurements", 0, "config")
SIGNAL, BACKGROUND, FAKES = ((*CHANNEL, "samples", number) for number in range(3))
LUMI_SETTINGS = (*MEASUREMENT, "parameters", 0)
STAT, B_NORM, TILT = ((*BACKGROUND, "modifiers", number) for number in (1, 2, 3))
GONE = object()

# where, what stands there instead, and what the error says
BROKEN = {
    "no channels": (("channels",), GONE, "no entry 'channels'"),
    "an empty list of channels": (("channels",), [], "no channel"),
    "channels as an object": (("channels",), {"a": 1}, "a list"),
    "no version": (("version",), GONE, "no entry 'version'"),
    "another version": (("version",), "2.0.0", "1.0.0"),
    "no observations": (("observations",), GONE, "no entry 'observations'"),
    "a channel without observation": (("observations", 1), GONE, "none of channel a_control"),
    "an observation of no channel": (("observations", 0, "name"), "elsewhere", "elsewhere"),
    "two observations of a channel": (("observations", 1, "name"), "z_signal", "twice"),
    "too few counts": (("observations", 0, "data"), [57.0], "1 numbers"),
    "a negative count": (("observations", 0, "data"), [57.0, -1.0], "-1 as number 1"),
    "a count that is text": (("observations", 0, "data", 1), "45", "'45'"),
    "a count that is not a number": (("observations", 0, "data", 1), float("nan"), "finite number"),
    "a count beyond all floats": (("observations", 0, "data", 1), 10**400, "finite number"),
    "a count that is true": (("observations", 0, "data", 1), True, "finite number"),
    "no measurements": (("measurements",), [], "no measurement"),
    "a measurement without configuration": (("measurements", 0, "config"), GONE, "no entry 'config'"),
    "no parameter of interest": ((*MEASUREMENT, "poi"), GONE, "no entry 'poi'"),
    "a parameter of interest that is none": ((*MEASUREMENT, "poi"), "nu", "parameter of interest 'nu'"),
    "a number as parameter of interest": ((*MEASUREMENT, "poi"), 3, "a text"),
    "settings twice": ((*MEASUREMENT, "parameters", 1), workspaces.LUMI, "the name 'lumi' twice"),
    "a luminosity without settings": ((*MEASUREMENT, "parameters"), [], "auxiliary and no width"),
    "a luminosity without width": ((*LUMI_SETTINGS, "sigmas"), GONE, "no width"),
    "a width of zero": ((*LUMI_SETTINGS, "sigmas"), [0.0], "a positive number"),
    "a misspelt setting": ((*LUMI_SETTINGS, "sigma"), [0.1], "'sigma'"),
    "bounds the wrong way round": ((*LUMI_SETTINGS, "bounds"), [[2.0, 1.0]], "lower bounds below"),
    "bounds that are not pairs": ((*LUMI_SETTINGS, "bounds"), [[2.0]], "1 numbers"),
    "bounds of too many": ((*LUMI_SETTINGS, "bounds"), [[0.0, 2.0], [0.0, 2.0]], "2 numbers as lower"),
    "too many starts": ((*LUMI_SETTINGS, "inits"), [1.0, 1.0], "2 numbers as start"),
    "fixed as text": ((*LUMI_SETTINGS, "fixed"), "no", "true or false"),
    "two channels of a name": (("channels", 1, "name"), "z_signal", "twice"),
    "a channel without samples": ((*CHANNEL, "samples"), [], "no sample"),
    "two samples of a name": ((*BACKGROUND, "name"), "s", "twice"),
    "a sample without a name": ((*BACKGROUND, "name"), GONE, "no entry 'name'"),
    "a sample without data": ((*BACKGROUND, "data"), GONE, "no entry 'data'"),
    "a sample without bins": ((*SIGNAL, "data"), [], "0 numbers"),
    "a sample of other bins": ((*FAKES, "data"), [1.0, 2.0, 3.0], "3"),
    "no modifiers": ((*BACKGROUND, "modifiers"), GONE, "no entry 'modifiers'"),
    "an unknown modifier": ((*B_NORM, "type"), "overallsys", "'overallsys'"),
    "a modifier without data": ((*B_NORM, "data"), None, "an object"),
    "a negative factor": ((*B_NORM, "data", "lo"), -0.1, "a positive number"),
    "a factor of zero": ((*B_NORM, "data", "hi"), 0.0, "a positive number"),
    "one shape of two": ((*TILT, "data", "hi_data"), GONE, "no entry 'hi_data'"),
    "a shape of other bins": ((*TILT, "data", "hi_data"), [1.0], "1 numbers"),
    "a negative uncertainty": ((*STAT, "data"), [2.0, -1.5], "-1.5 as number 1"),
    "a norm and a free factor of one name": ((*B_NORM, "name"), "mu", "'mu'"),
    "a modifier twice": ((*STAT, "name"), "c_bins", "c_bins"),
}


def with_changed(document, path, value):
    """The document with another value at a place."""
    found = copy.deepcopy(document)
    *way, last = path
    place = found
    for step in way:
        place = place[step]
    if value is GONE:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return found


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_workspace_is_told_where_and_why(name, tmp_path):
    path, value, said = BROKEN[name]
    (tmp_path / "broken.json").write_text(json.dumps(with_changed(SOUND, path, value)))
    with pytest.raises(LikelihoodError, match=said.replace("(", "\\(")) as raised:
        read_workspace(tmp_path / "broken.json").model()
    assert "expected" in str(raised.value) or ";" in str(raised.value)


def test_the_sound_one_passes():
    assert workspace_of(SOUND).model().poi is not None


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", "3", '{"channels": 3}'])
def test_what_is_no_workspace_is_refused(text, tmp_path):
    (tmp_path / "no.json").write_text(text)
    with pytest.raises(LikelihoodError, match=r"no\.json"):
        read_workspace(tmp_path / "no.json")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(LikelihoodError, match="absent"):
        read_workspace(tmp_path / "absent.json")


SHARED = {
    "in two samples": lambda mod: {"a": [sample("x", [5.0], mod), sample("y", [6.0], mod)]},
    "in two channels": lambda mod: {"a": [sample("x", [5.0], mod)], "b": [sample("y", [6.0], mod)]},
}


@pytest.mark.parametrize("where", SHARED)
def test_counts_measured_once_belong_to_one_sample(where):
    channels = SHARED[where](modifier("shapesys", "bins", [1.0]))
    with pytest.raises(LikelihoodError, match="measured once"):
        workspace_of(workspace(channels, {name: [5] for name in channels}, poi="")).model()


def test_shared_factors_need_equal_bins():
    free = modifier("shapefactor", "free")
    channels = {"a": [sample("x", [5.0, 6.0], free)], "b": [sample("y", [6.0], free)]}
    with pytest.raises(LikelihoodError, match="2 numbers in one place"):
        workspace_of(workspace(channels, {"a": [5, 6], "b": [6]}, poi="")).model()


def test_scales_of_poisson_laws_are_not_widths():
    settings = [{"name": "bins", "sigmas": [0.1]}]
    channels = {"a": [sample("x", [5.0], modifier("shapesys", "bins", [1.0]))]}
    with pytest.raises(LikelihoodError, match="'sigmas' of parameter 'bins'"):
        workspace_of(workspace(channels, {"a": [5]}, settings, poi=""))


def test_settings_of_no_parameter_are_left_out_as_by_pyhf():
    # conversions from XML always set a luminosity
    document = workspaces.counting()
    document["measurements"][0]["config"]["parameters"] = [{**workspaces.LUMI, "fixed": True}]
    read = workspace_of(document)
    assert "lumi" not in read.model().names
    assert document_of(read) == document
    with pytest.raises(LikelihoodError, match="no modifier has"):
        BinnedModel.of(read.channels, "mu", settings=read.measurements[0].settings)


def test_measurements_are_chosen_by_name():
    document = workspaces.counting()
    other = {"name": "other", "config": {"poi": "", "parameters": [{"name": "mu", "bounds": [[0.0, 3.0]]}]}}
    document["measurements"].append(other)
    read = workspace_of(document)
    assert (read.model().poi, read.model("other").poi) == (0, None)
    np.testing.assert_array_equal(read.model("other").upper, [3.0, 5.0])
    assert document_of(read) == document
    with pytest.raises(LikelihoodError, match="no measurement is called 'third'"):
        read.model("third")


LOSSY = {"prior": (1.0, 0.1)}, {"lower": [0.5]}, {"fixed": np.array([True, False])}


@pytest.mark.parametrize("settings", LOSSY)
def test_what_the_format_does_not_know_is_not_dropped(settings):
    channel = Channel("a", (Sample("x", [5.0, 6.0], (NormFactor("mu"),)),))
    found = Workspace((channel,), {"a": np.array([5.0, 6.0])}, (Measurement("m", "mu", {"mu": settings}),))
    with pytest.raises(LikelihoodError, match="the format does not know"):
        document_of(found)


MISTAKES = {
    "no channel": ((), {}, "no channel"),
    "counts of other bins": ((Channel("a", (Sample("x", [5.0]), Sample("y", [5.0, 6.0]))),), {}, "expected 1 bins"),
    "no such parameter": ((Channel("a", (Sample("x", [5.0], (NormFactor("mu"),)),)),), {"nu": {"start": 1.0}}, "nu"),
    "no such setting": (
        (Channel("a", (Sample("x", [5.0], (NormFactor("mu"),)),)),), {"mu": {"begin": 1.0}}, "given a 'begin'",
    ),
    "a width of a free parameter": (
        (Channel("a", (Sample("x", [5.0], (NormFactor("mu"),)),)),), {"mu": {"width": 1.0}}, "is free",
    ),
    "two widths for one": (
        (Channel("a", (Sample("x", [5.0], (NormFactor("mu"),)),)),), {"mu": {"start": [1.0, 2.0]}}, "2 numbers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_models_that_do_not_fit_together_are_told(name):
    channels, settings, said = MISTAKES[name]
    with pytest.raises(LikelihoodError, match=said):
        BinnedModel.of(channels, settings=settings)


def test_a_prior_makes_a_free_parameter_normal():
    channels = (Channel("a", (Sample("x", [5.0], (NormFactor("mu"),)),)),)
    model = BinnedModel.of(channels, "mu", settings={"mu": {"prior": (1.2, 0.1)}})
    data = model.observed([5.0])
    assert float(model.negative_log_likelihood(jnp.array([1.0]), data)) == pytest.approx(0.5 * 2.0**2, rel=1e-12)
    constrained = sample("x", [5.0], norm("n", 0.9, 1.1), shape("h", [4.0], [6.0]))
    read = workspace_of(workspace({"a": [constrained]}, {"a": [5]}, poi=""))
    with pytest.raises(LikelihoodError, match="no prior"):
        BinnedModel.of(read.channels, settings={"n": {"prior": (0.0, 1.0)}})
