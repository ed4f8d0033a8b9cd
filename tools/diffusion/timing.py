"""How long a sum takes, as the programs that are timed beside ours print it."""

import statistics
import time


def report(what, run, repeats):
    """Times `run` by the clock and by the processors, after one run that is not counted, and prints the medians."""
    run()
    clock, cpu = [], []
    for _ in range(repeats):
        start, before = time.perf_counter(), time.process_time()
        run()
        clock.append((time.perf_counter() - start) * 1e3)
        cpu.append((time.process_time() - before) * 1e3)
    medians = (statistics.median(clock), min(clock), statistics.median(cpu))
    print("time", what, *(f"{v:.2f}" for v in medians), sep="\t", flush=True)
