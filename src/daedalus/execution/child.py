"""The other side of an isolated function: a script that runs in a child process and needs nothing but Python."""

from __future__ import annotations

import os
import pickle
import runpy
import sys
from typing import IO, Any

MAIN = "__mp_main__"  # what multiprocessing calls the parent's script in a child; guards do not see "__main__"


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answers calls until there are no more: first paths, script and function, then arguments, all pickled."""
    sys.path[:], script = pickle.load(requests)
    if script is not None:
        sys.modules["__main__"] = sys.modules[MAIN] = _module(script)
    function = pickle.load(requests)
    answer = None  # that the function is there
    while True:
        answers.write(pickle.dumps(answer))
        answers.flush()
        try:
            arguments, options = pickle.load(requests)
        except EOFError:
            return
        answer = _attempted(function, arguments, options)


def _attempted(function: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> tuple[bool, Any]:
    """Whether a call went well, and what came out or why not."""
    try:
        result = function(*arguments, **options)
        pickle.dumps(result)
    except Exception as cause:  # whatever a foreign function raises belongs to the caller
        return False, f"{type(cause).__name__}: {cause}"
    return True, result


def _module(script: str) -> Any:
    """The parent's script as a module: its functions without its main part."""
    module = type(sys)(MAIN)
    module.__dict__.update(runpy.run_path(script, run_name=MAIN))
    return module


if __name__ == "__main__":
    # what the function prints must not come between the answers, and what it reads is not its caller's
    back = os.fdopen(os.dup(1), "wb")
    calls = os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    serve(calls, back)
