import json

import numpy as np
import onnx
import pytest

from patchskip.benchmarks import layers
from patchskip.benchmarks.layer_models import IMAGE_PATCH, LAYERS, dense_model, skip_model, weights
from patchskip.benchmarks.sessions import ProfiledDense, SkipSession


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_shapes_are_those_onnx_infers(layer, rng):
    model = onnx.shape_inference.infer_shapes(dense_model(layer, [weights(layer, rng)]), strict_mode=True)
    onnx.checker.check_model(model)
    found = [dim.dim_value for dim in model.graph.output[0].type.tensor_type.shape.dim]
    assert found == [1, layer.outputs, *layer.output_size]
    stride = 576 // layer.output_size[0]
    assert layer.patch == max(1, IMAGE_PATCH // stride)


def test_every_kind_has_early_and_late_layers():
    for kind in {layer.op_type for layer in LAYERS if not layer.op_type.startswith("first")}:
        heights = [layer.output_size[0] for layer in LAYERS if layer.op_type == kind]
        assert min(heights) == 18 and max(heights) >= 144


def test_masked_layer_computes_its_patches_and_no_others(rng):
    layer = next(layer for layer in LAYERS if layer.name.startswith("conv3x3_18x24"))
    parameters = [weights(layer, rng) for _ in range(2)]
    image = rng.standard_normal((1, layer.height, layer.width, layer.channels), np.float32)
    dense = ProfiledDense(dense_model(layer, parameters), 1, {"x": image.transpose(0, 3, 1, 2).copy()})
    arrays = {"x": image}
    arrays |= {f"cache{i}": np.full((1, *layer.output_size, layer.outputs), 7, np.float32) for i in range(2)}
    arrays["active"] = (rng.random(layer.grid) < 0.3).astype(np.int32)
    skip = SkipSession(skip_model(layer, parameters), 1, arrays, {"y0": "cache0", "y1": "cache1"})
    dense.run()
    skip.run()
    assert layer.patch == 1
    for i in range(2):
        expected = np.where(arrays["active"][None, :, :, None], dense.arrays[f"y{i}"].transpose(0, 2, 3, 1), 7)
        np.testing.assert_allclose(arrays[f"cache{i}"], expected, rtol=1e-4, atol=1e-4)
    times = dense.node_times()
    assert len(times) == 1 and any(operator == "Conv" for operator, _ in times[0].values())


def test_quick_sweep(tmp_path, capsys):
    assert layers.main(["--quick", "--threads", "1", "--json", str(tmp_path / "rows.json")]) == 0
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert len(rows) == 6 * len(layers.SHARES)
    for row in rows:
        assert {"layer", "op_type", "share", "threads", "dense_ms", "skip_ms", "efficiency"} <= set(row)
        assert row["efficiency"] == pytest.approx(row["dense_ms"] * row["share"] / row["skip_ms"])
        assert row["dense_ms"] > 0
    means = {row["share"]: row for row in rows if row["layer"] == "geomean"}
    assert set(means) == set(layers.SHARES)
    at_tenth = [row["efficiency"] for row in rows if row["share"] == 0.1 and row["layer"] != "geomean"]
    assert means[0.1]["efficiency"] == pytest.approx(np.exp(np.mean(np.log(at_tenth))))
    assert means[0.02]["skip_ms"] < means[1]["skip_ms"]
    assert "geomean" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--threads", "x"], ["--threads", "0"], ["--only", "nothing"], ["--turns", "0"]])
def test_bad_usage(words, capsys):
    assert layers.main(words) == 2
    assert capsys.readouterr().err.startswith("patchskip: ")
