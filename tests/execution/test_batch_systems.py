"""Batch systems: the text of a job always, a job itself where a Slurm can be started, and what is refused."""

import os
import sys

import numpy as np
import pytest

from daedalus.errors import RunError
from daedalus.execution import Cluster, RunFolder, cluster_of, job_script, read_resources, recorded_search
from daedalus.optimisers import optimiser
from execution import hillside
from execution.slurm_node import slurm_node, why_not

FILE = """
jobs: 100
cores: 4
memory: 8GB
walltime: 11:30:00
queue: long
account: tomography
python: /opt/python/bin/python
job_extra_directives: ["--exclusive"]
job_script_prologue: ["module load python"]
"""


@pytest.fixture
def resources(tmp_path):
    place = tmp_path / "cluster.yaml"
    place.write_text(FILE)
    return read_resources(place)


def test_the_job_script_of_slurm(resources):
    lines = job_script("slurm", resources).splitlines()
    for line in (
        "#!/usr/bin/env bash",
        "#SBATCH -J daedalus",
        "#SBATCH -p long",
        "#SBATCH -A tomography",
        "#SBATCH -n 1",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH -t 11:30:00",
        "#SBATCH --exclusive",
        "export JAX_NUM_CPU_DEVICES=1",
        "export NPROC=1",
        "export OMP_NUM_THREADS=1",
        "module load python",
    ):
        assert line in lines, line
    command = lines[-1]
    assert command.startswith("/opt/python/bin/python -m distributed.cli.dask_worker tcp://")
    for words in ("--nthreads 1", "--nworkers 4", "--nanny"):
        assert words in command
    assert lines.index("module load python") > lines.index("export NPROC=1")


def test_the_job_script_of_htcondor(resources):
    asked = {name: resources[name] for name in ("jobs", "cores", "memory", "python")} | {"disk": "1GB"}
    lines = job_script("htcondor", asked).splitlines()
    assert "RequestCpus = MY.DaskWorkerCores" in lines
    assert "MY.DaskWorkerCores = 4" in lines
    assert "MY.DaskWorkerMemory = 8000000000" in lines
    assert "MY.DaskWorkerDisk = 1000000000" in lines
    assert lines[-1] == "Queue"
    command = next(line for line in lines if line.startswith("Arguments"))
    for words in ("export NPROC=1", "/opt/python/bin/python -m distributed.cli.dask_worker tcp://", "--nworkers 4"):
        assert words in command


@pytest.mark.parametrize(
    ("kind", "asked", "text"),
    [
        ("slurm", {"cores": 1}, "the resources of slurm lack memory; .*--cluster-file"),
        ("slurm", {"cores": 1, "memory": "1GB", "colour": "red"}, "the resources do not fit slurm: .*colour"),
        ("pbs", {"cores": 1, "memory": "1GB"}, "cluster is 'pbs'; expected slurm or htcondor"),
    ],
)
def test_resources_that_do_not_fit_are_refused(kind, asked, text):
    with pytest.raises(RunError, match=text):
        job_script(kind, asked)


def test_clusters_and_files_that_are_none_are_refused(tmp_path):
    known = r"cluster is 'cloud'; expected one of local, tcp://HOST:PORT, slurm, htcondor"
    with pytest.raises(RunError, match=known), cluster_of("cloud"):
        pass
    with pytest.raises(RunError, match="cannot be read"):
        read_resources(tmp_path / "nothing.yaml")
    (tmp_path / "bad.yaml").write_text("- a\n- b\n")
    with pytest.raises(RunError, match="holds a list; expected lines such as 'cores: 1'"):
        read_resources(tmp_path / "bad.yaml")
    (tmp_path / "bad.yaml").write_text("cores: [1\n")
    with pytest.raises(RunError, match="is no YAML"):
        read_resources(tmp_path / "bad.yaml")
    (tmp_path / "code.yaml").write_text("cores: !!python/object/apply:os.system ['false']\n")
    with pytest.raises(RunError, match="is no YAML"):  # nothing is executed
        read_resources(tmp_path / "code.yaml")


def test_a_search_by_the_jobs_of_a_slurm(tmp_path, tmp_path_factory, monkeypatch, tests_for_workers):
    if why_not():
        pytest.skip(why_not())

    def height(parameters, events, seed):
        return {"values": {"height": hillside.height(parameters, events, seed)["values"]["height"], "job": _job()}}

    def _job():
        return float(os.environ["SLURM_JOB_ID"])

    from daedalus.execution import PythonFunction

    problem = hillside.hillside_problem(PythonFunction(height, ["height", "job"], isolated=False))
    with slurm_node(tmp_path_factory.mktemp("s") / "n") as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        logs = str(tmp_path / "logs")
        asked = {"cores": 1, "memory": "1GB", "walltime": 300, "python": sys.executable, "jobs": 2, "minimum_jobs": 1}
        asked |= {"local_directory": str(tmp_path), "log_directory": logs, "nanny": False, "death_timeout": 60}
        with cluster_of("slurm", resources=asked) as connect, Cluster(connect, problem=problem) as cluster:
            folder, how = RunFolder.create(tmp_path / "run"), {"seed": 5, "rounds": 3, "events": 10}
            found = recorded_search(folder, problem, optimiser("cmaes", batch=6), evaluator=cluster, **how)
            assert cluster.account.done == len(found) == 18
    here = hillside.hillside_problem(PythonFunction(hillside.height, ["height"], isolated=False))
    again = recorded_search(RunFolder.create(tmp_path / "here"), here, optimiser("cmaes", batch=6), **how)
    np.testing.assert_array_equal(found["loss"], again["loss"])
    np.testing.assert_array_equal(found["status"], ["ok"] * 18)
