"""Times of CUDA graphs on a GPU that is at work when they begin, at the clocks that work gives it."""

import time
from concurrent.futures import ThreadPoolExecutor

from patchskip.runtime.system import System

WARM_S = 0.5  # an idle H200 is at 345 MHz
CLOCK = "nvidia-smi", "--query-gpu=clocks.sm", "--format=csv,noheader,nounits", "--id=0"


def graph_ms(gpu, stream, graph, before=()):
    """-> ms of a graph. before: graphs that go before it and are not counted.

    All of it runs once before that: an idle stream would reach the first event at once, and the time would be that of
    the CPU's call, which the GPU waits for, as well.
    """
    start, end = gpu.event(), gpu.event()
    for each in (*before, graph, *before):
        each.launch(stream)
    start.record(stream)
    graph.launch(stream)
    end.record(stream)
    end.synchronize()
    return end.elapsed_ms(start)


def warm_up(run, system=None):
    """Calls `run`, which gives the GPU work and waits for it, until an idle GPU has raised its clocks.

    -> MHz of its multiprocessors during the last of it; None where nvidia-smi does not say.
    """
    with ThreadPoolExecutor(1) as pool:
        end = time.monotonic() + WARM_S
        while time.monotonic() < end:
            run()
        answer = pool.submit((system or System()).run, *CLOCK)
        while not answer.done():
            run()
    status, text = answer.result() or (1, "")
    return int(text) if status == 0 and text.strip().isdigit() else None
