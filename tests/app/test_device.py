"""The process's settings: precision as asked, compiled programs kept where they can be."""

import jax
import pytest

from daedalus.app.device import cache_folder, prepare


@pytest.fixture(autouse=True)
def _restored():
    flags = ("jax_enable_x64", "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {flag: getattr(jax.config, flag) for flag in flags}
    yield
    for flag, value in before.items():
        jax.config.update(flag, value)


def test_precision_is_as_asked():
    prepare("float32")
    assert jax.dtypes.canonicalize_dtype(float) == "float32"
    prepare("float64")
    assert jax.dtypes.canonicalize_dtype(float) == "float64"


def test_compiled_programs_are_kept_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "cache"))
    prepare()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "cache")


def test_compiled_programs_are_kept_for_the_user_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    prepare()
    assert cache_folder() == tmp_path / "daedalus"
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "daedalus" / "jax")


def test_a_home_that_cannot_be_written_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("sys.platform", "linux")
    before = jax.config.jax_compilation_cache_dir
    prepare()
    assert jax.config.jax_compilation_cache_dir == before
