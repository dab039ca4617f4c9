"""Runs a module as ``python -m`` would, and profiles it from SIGUSR1 to its end.

``python -m deploy.bench.profiled OUTPUT MODULE``: what starting costs is no report's, so the profiler waits
until it is told that the process is ready.
"""

import cProfile
import runpy
import signal
import sys


def main(output: str, module: str) -> None:
    """Run the module; write the profile when it ends, however it ends."""
    profiler = cProfile.Profile()
    signal.signal(signal.SIGUSR1, lambda number, frame: profiler.enable())
    sys.argv = [module]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        profiler.disable()
        profiler.dump_stats(output)


if __name__ == "__main__":
    main(*sys.argv[1:])
