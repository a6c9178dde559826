"""How long `sohoaudit --help` and the demo take, beside a bare interpreter."""

import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 15
GOAL_HELP, GOAL_DEMO_S = 8, 15


def seconds(*command: str, cwd: str | None = None) -> float:
    """The wall time of one whole process."""
    started = time.perf_counter()
    subprocess.run(command, check=False, capture_output=True, cwd=cwd)
    return time.perf_counter() - started


def main() -> None:
    """Run both in turn, after one warm-up each, and print medians and the median of the ratios."""
    bare, ours = (sys.executable, "-c", "pass"), (sys.executable, "-m", "sohoaudit", "--help")
    pairs = [(seconds(*bare), seconds(*ours)) for _ in range(ROUNDS + 1)][1:]
    ratio = statistics.median(own / empty for empty, own in pairs)
    print(f"python -c pass    {1000 * statistics.median(empty for empty, _ in pairs):7.1f} ms")
    print(f"sohoaudit --help  {1000 * statistics.median(own for _, own in pairs):7.1f} ms")
    print(f"ratio             {ratio:7.1f}     (goal: at most {GOAL_HELP})")
    with tempfile.TemporaryDirectory() as folder:
        demo_s = seconds(sys.executable, "-m", "sohoaudit", "demo", "--quiet", cwd=folder)
    print(f"sohoaudit demo    {demo_s:7.1f} s      (goal: under {GOAL_DEMO_S} s)")


if __name__ == "__main__":
    main()
