import threading

import numpy as np
import pytest

import patchskip

SHAPE = (1, 2, 4, 5)


def feed(rng, index=0):
    return {"x": rng.uniform(-1, 1, SHAPE).astype(np.float32), "index": np.array([index], np.int64)}


@pytest.fixture
def model(counter):
    return patchskip.load(str(counter))


def test_state_is_kept_between_frames_and_lost_at_reset(model, rng):
    stream = model.stream()
    frames = [feed(rng) for _ in range(3)]
    total = np.zeros(SHAPE, np.float32)
    for frame in frames:
        total = total + frame["x"]
        np.testing.assert_array_equal(stream.infer(frame)["y"], total)
    stream.reset()
    np.testing.assert_array_equal(stream.infer(frames[0])["y"], frames[0]["x"])


def test_outputs_have_the_original_names_only(model, rng):
    assert set(model.stream().infer(feed(rng, 2))) == {"y", "picked"}
    assert [(o["name"], o["shape"], o["dtype"]) for o in model.outputs] == [
        ("y", [1, 2, 4, 5], "float32"),
        ("picked", [1], "float32"),
    ]


def test_copies_stay_and_views_change(model, rng):
    stream, first, second = model.stream(), feed(rng), feed(rng, 3)
    copied, view = stream.infer(first), stream.infer(second, copy=False)
    np.testing.assert_array_equal(copied["y"], first["x"])
    assert view["picked"][0] == 3
    stream.infer(first)
    assert view["picked"][0] == 0


def test_frames_at_the_same_and_at_other_addresses(model, rng):
    stream, frame = model.stream(), feed(rng)
    buffer, total = np.empty(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    for i in range(6):
        value = rng.uniform(size=SHAPE).astype(np.float32)
        total = total + value
        buffer[...] = value
        given = buffer if i % 3 else np.asfortranarray(value)  # what is not contiguous is copied
        np.testing.assert_array_equal(stream.infer({"x": given, "index": frame["index"]})["y"], total)


def test_streams_share_the_model_and_nothing_else(model, rng):
    frames = [[feed(rng) for _ in range(20)] for _ in range(4)]
    results = [None] * len(frames)

    def work(i):
        stream = model.stream()
        for frame in frames[i]:
            results[i] = stream.infer(frame)["y"]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(frames))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, result in enumerate(results):
        total = np.zeros(SHAPE, np.float32)
        for frame in frames[i]:
            total = total + frame["x"]
        np.testing.assert_array_equal(result, total)


def nan(x):
    x = x.copy()
    x[0, 1, 2, 3] = np.nan
    return x


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda f: {"y": f["x"], "index": f["index"]}, ["['index', 'y']", "['x', 'index']"]),
        (lambda f: {"x": f["x"]}, ["['x']", "['x', 'index']"]),
        (lambda f: dict(f, more=f["x"]), ["more", "['x', 'index']"]),
        (lambda f: dict(f, x=f["x"][..., :4]), ["[1, 2, 4, 4]", "[1, 2, 4, 5]"]),
        (lambda f: dict(f, x=f["x"].astype(np.float64)), ["float64", "float32"]),
        (lambda f: dict(f, x=f["x"].tolist()), ["a list", "float32"]),
        (lambda f: dict(f, x=nan(f["x"])), ["input x", "NaN"]),
    ],
)
def test_wrong_input_is_named_and_the_stream_goes_on(model, rng, spoil, words):
    stream, first, second = model.stream(), feed(rng), feed(rng)
    stream.infer(first)
    with pytest.raises(patchskip.PatchskipError) as error:
        stream.infer(spoil(second))
    for word in words:
        assert word in str(error.value)
    np.testing.assert_array_equal(stream.infer(second)["y"], first["x"] + second["x"])


def test_after_a_failure_inside_the_network_reset_is_needed(model, rng):
    stream, first = model.stream(), feed(rng)
    stream.infer(first)
    with pytest.raises(patchskip.PatchskipError, match="reset"):
        stream.infer(feed(rng, index=9))
    with pytest.raises(patchskip.PatchskipError, match="failed on an earlier frame.*reset"):
        stream.infer(first)
    stream.reset()
    np.testing.assert_array_equal(stream.infer(first)["y"], first["x"])


def test_an_interrupt_inside_the_network_loses_the_state(model, rng, monkeypatch):
    stream = model.stream()

    def interrupted(binding):
        raise KeyboardInterrupt

    monkeypatch.setattr(stream, "_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stream.infer(feed(rng))
    with pytest.raises(patchskip.PatchskipError, match="reset"):
        stream.infer(feed(rng))


def test_one_stream_in_two_threads_is_refused(model, rng, monkeypatch):
    stream, frame, messages = model.stream(), feed(rng), []

    def run_again(binding):
        try:
            stream.infer(frame)
        except patchskip.PatchskipError as error:
            messages.append(str(error))

    monkeypatch.setattr(stream, "_run", run_again)
    stream.infer(frame)
    assert len(messages) == 1 and "another thread" in messages[0]


def test_stats_weigh_patches_by_their_pixels(model):
    stream = model.stream()
    assert stream.stats == {}
    x = np.zeros(SHAPE, np.float32)
    x[0, 0, 1, 1] = x[0, 0, 3, 4] = 1  # patches (0, 0), 4 pixels, and (1, 2), cut to 2 pixels: 6 of 20
    stream.infer({"x": x, "index": np.array([0], np.int64)})
    stats = stream.stats
    assert [layer["active"] for layer in stats["layers"]] == pytest.approx([0.3, 0.3])
    assert stats["active_macs"] == pytest.approx((90 * 0.3 + 10) / 100)
    assert stats["stages_ms"]["inference"] > 0
    mask, side = stream.image_mask()
    np.testing.assert_array_equal(mask, [[1, 0, 0], [0, 0, 1]])
    assert side == 2


def test_no_mask_before_the_first_frame(model):
    with pytest.raises(patchskip.PatchskipError, match="infer"):
        model.stream().image_mask()


def test_memory_does_not_grow(model, rng):
    resource = pytest.importorskip("resource")
    stream, frame = model.stream(), feed(rng)
    for _ in range(200):
        stream.infer(frame)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3000):
        stream.infer(frame)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024  # KiB


def test_an_inference_costs_little_python(model, rng):
    import time

    stream, frame = model.stream(), feed(rng)
    times = []
    for _ in range(300):
        start = time.perf_counter()
        stream.infer(frame, copy=False)
        times.append(time.perf_counter() - start)
    assert min(times) < 200e-6  # nine operators and our own work, measured at about 40 us
