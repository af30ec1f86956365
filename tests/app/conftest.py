"""The command line in this process, with studies of somebody else's installed beside Daedalus."""

import importlib
import shutil
import sys
from pathlib import Path

import jax
import pytest

from daedalus.app.main import main

STUDIES = ("dartboard", "curve")
ENTRY = "[daedalus.studies]\n" + "".join(f"{name} = {name}:STUDY\n" for name in STUDIES)


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory):
    """A folder of installed packages that holds the studies as a distribution of their own."""
    site = tmp_path_factory.mktemp("site")
    for name in STUDIES:
        shutil.copy(Path(__file__).with_name(f"{name}.py"), site / f"{name}.py")
    info = site / "dartboard-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dartboard\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY)
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()
    yield site
    sys.path.remove(str(site))
    for name in STUDIES:
        sys.modules.pop(name, None)


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
