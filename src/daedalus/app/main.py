"""The command line: `daedalus list | show | run | resume | status | report | evaluate | export | events | ...`.

Commands import what they need when they are called, so that `--help` and `list` answer at once. Exit codes: 0
done, 1 an error that is explained in one line, 2 wrong usage, 130 interrupted by Ctrl-C.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

import tyro

from daedalus.app.problem_commands import (
    check,
    compare,
    conformance,
    evaluate,
    events,
    export,
    list_problems,
    profile,
    show,
    version,
)
from daedalus.app.run_commands import compare_runs, explore, landscape, replay, report, rerun, resume, run, status
from daedalus.errors import DaedalusError

INTERRUPTED = 130  # 128 + SIGINT, as shells report it

COMMANDS = {
    "list": list_problems,
    "show": show,
    "run": run,
    "resume": resume,
    "status": status,
    "replay": replay,
    "rerun": rerun,
    "evaluate": evaluate,
    "export": export,
    "events": events,
    "report": report,
    "landscape": landscape,
    "explore": explore,
    "compare": compare,
    "compare-runs": compare_runs,
    "check": check,
    "profile": profile,
    "conformance": conformance,
    "version": version,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of a call of the command line.

    Args:
        arguments: the words after the program's name; those of this process by default.
    """
    try:
        tyro.extras.subcommand_cli_from_dict(
            COMMANDS,
            args=arguments,
            prog="daedalus",
            description="The differentiable co-design of experiments.",
        )
    except DaedalusError as cause:
        from daedalus.app.screen import complain

        complain(str(cause))
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `daedalus list | head`
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        return 1
    except SystemExit as end:  # usage and help
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
