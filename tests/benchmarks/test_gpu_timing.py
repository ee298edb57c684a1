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


@pytest.mark.parametrize(
    "answer, found", [((0, "1980\n"), 1980), ((0, "[N/A]\n"), None), ((9, "no devices were found"), None), (None, None)]
)
def test_the_clock_of_a_gpu_at_work(answer, found, monkeypatch):
    monkeypatch.setattr(gpu_timing, "WARM_S", 0.01)
    runs = []

    def ask(*command):
        before = len(runs)
        while len(runs) == before:  # it goes on meanwhile
            pass
        return answer

    assert gpu_timing.warm_up(lambda: runs.append(1), SimpleNamespace(run=ask)) == found
