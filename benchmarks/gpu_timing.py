"""Times of CUDA graphs on a GPU that is at work when they begin."""


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
