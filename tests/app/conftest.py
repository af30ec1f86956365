"""The command line in this process, with a study of somebody else's installed beside Daedalus."""

import importlib
import shutil
import sys
from pathlib import Path

import jax
import pytest

from daedalus.app.main import main

STUDY = Path(__file__).with_name("dartboard.py")
ENTRY = "[daedalus.studies]\ndartboard = dartboard:STUDY\n"


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory):
    """A folder of installed packages that holds the study "dartboard" as a distribution of its own."""
    site = tmp_path_factory.mktemp("site")
    shutil.copy(STUDY, site / "dartboard.py")
    info = site / "dartboard-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dartboard\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY)
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()
    yield site
    sys.path.remove(str(site))
    sys.modules.pop("dartboard", None)


@pytest.fixture
def cli(elsewhere, capsys, tmp_path, monkeypatch):
    """A function that calls the command line in an empty folder: exit code, output, messages."""
    monkeypatch.chdir(tmp_path)
    flags = ("jax_enable_x64", "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {flag: getattr(jax.config, flag) for flag in flags}

    def call(*words):
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    yield call
    for flag, value in before.items():
        jax.config.update(flag, value)
