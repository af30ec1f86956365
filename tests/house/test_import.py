"""Importing the whole package touches no device and changes no global flag."""

import json
import subprocess
import sys

from house.source import dotted, modules

SCRIPT = """
import importlib, json, sys
import jax, jax._src.xla_bridge as bridge, numpy, equinox, optax
before, errors = dict(jax.config.values), numpy.geterr()
for module in json.loads(sys.argv[1]):
    importlib.import_module(module)
changed = sorted(k for k, v in jax.config.values.items() if before.get(k) != v)
print(json.dumps({"devices": sorted(bridge._backends), "flags": changed,
                  "numpy": errors != numpy.geterr()}))
"""
HEAVY = {"matplotlib", "pandas", "pyarrow", "rich", "scipy.optimize", "tyro", "uproot"}


def output(*arguments):
    """What a Python process prints that must succeed."""
    answer = subprocess.run(
        [sys.executable, "-c", *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()[-1]


def test_import_touches_no_device_and_no_flag():
    names = [dotted(path) for path in modules() if path.name != "__main__.py"]
    found = json.loads(output(SCRIPT, json.dumps(names)))
    assert found == {"devices": [], "flags": [], "numpy": False}


def test_import_of_the_package_is_light():
    before = "import jax, equinox, optax, sys; before = set(sys.modules); import daedalus, json; "
    added = json.loads(output(before + "print(json.dumps(sorted(set(sys.modules) - before)))"))
    assert not HEAVY & set(added)
