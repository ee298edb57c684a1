"""How times on a GPU are taken, without one."""

from types import SimpleNamespace

import pytest

from patchskip.benchmarks import gpu_timing


@pytest.mark.parametrize("before", [[], ["reset"]])
def test_the_gpu_is_at_work_when_the_time_begins(before):
    asked = []

    def event():
        return SimpleNamespace(
            record=lambda stream: asked.append("event"), synchronize=lambda: None, elapsed_ms=lambda since: 3.0
        )

    def graph(name):
        return SimpleNamespace(launch=lambda stream: asked.append(name))

    time = gpu_timing.graph_ms(SimpleNamespace(event=event), None, graph("frame"), [graph(name) for name in before])
    assert time == 3.0
    assert asked == before + ["frame"] + before + ["event", "frame", "event"]
