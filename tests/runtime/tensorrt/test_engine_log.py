from patchskip.runtime.tensorrt import engine_log

STATES = [{"input": "a.cache", "output": "a"}, {"input": "b.cache", "output": "b.float16"}]

# As TensorRT for RTX 1.7 and TensorRT 10 write them.
NEW = """Layers:
Name: Reformatting CopyNode for Network Input images, LayerType: NoOp, Inputs: [ { Name: images, Location: Device, \
Dimensions: [1,3,8,8], Datatype: Float, Format: Row major linear FP32 }], Outputs: [ { Name: Reformatted images, \
Location: Device, Dimensions: [1,3,8,8], Datatype: Float, Format: Row major linear FP32 }], TacticValue: 0x0
Name: Conv_41, LayerType: PluginV3, Inputs: [ { Name: a.mask, Location: Device, Dimensions: [2,2], Datatype: Int32, \
Format: Row major linear INT32 }, { Name: a.cache, Location: Device, Dimensions: [1,8,8,3], Datatype: Half, Format: \
Row major linear FP16 }, { Name: (Unnamed Layer* 3) [Constant]_output, Location: Device, Dimensions: [7], Datatype: \
Float, Format: Row major linear FP32 }], Outputs: [ { Name: a, Location: Device, Dimensions: [1,8,8,3], Datatype: \
Half, Format: Row major linear FP16 }], PluginType: PatchSkip, PluginVersion: "1", TacticValue: 0x1, StreamId: 0
Name: b_U1_myl2_1, LayerType: custom_layer, Inputs: [ { Name: a, Dimensions: [1,8,8,3], Strides: [192,24,3,1], \
Datatype: Half, Format: (Linear) Row major linear format }], Constants: [], Outputs: [ { Name: b.float16, Dimensions: \
[1,8,8,3], Strides: [192,24,3,1], Datatype: Half, Format: (Linear) Row major linear format }], TacticName: , StreamId: 0

Bindings:
Name: a.cache, IOMode: Input, DataType: Half, Dimensions: [1,8,8,3], Location: Device"""

# As TensorRT 8 writes them.
OLD = """Layer(Reformat): Reformatting CopyNode for Input Tensor 1 to a, Tactic: 1002, a.cache[Half(1,8,8,3)] -> \
Reformatted Input Tensor 1 to a[Float(1,8,8,3)]
Layer(PluginV2): a, Tactic: 0, a.mask[Int32(2,2)], Reformatted Input Tensor 1 to a[Float(1,8,8,3)], (Unnamed Layer* 3) \
[Constant]_output[Float(7)] -> a[Float(1,8,8,3)], a.changed[Int32(2,2)]
Layer(PluginV2): b, Tactic: 0, a[Float(1,8,8,3)] -> Reformatted Output Tensor 0 to b[Float(1,8,8,3)]
Layer(Reformat): Reformatting CopyNode for Output Tensor 0 to b, Tactic: 0, Reformatted Output Tensor 0 to \
b[Float(1,8,8,3)] -> b.float16[Half(1,8,8,3)]
Layer(Reformat): Reformatting CopyNode for Input Tensor 0 to tail, Tactic: 0, a[Float(1,8,8,3)] -> Reformatted Input \
Tensor 0 to tail[Float(1,8:4,8,3)]"""


def test_layers_of_new_versions():
    assert engine_log.layers(NEW) == [
        ("Reformatting CopyNode for Network Input images", "NoOp", ["images"], ["Reformatted images"]),
        ("Conv_41", "PluginV3", ["a.mask", "a.cache", "(Unnamed Layer* 3) [Constant]_output"], ["a"]),
        ("b_U1_myl2_1", "custom_layer", ["a"], ["b.float16"]),
    ]
    assert engine_log.copies(engine_log.layers(NEW), STATES) == []


def test_layers_of_old_versions():
    found = engine_log.layers("\n".join(["Engine Layer Information:", OLD]))
    assert [layer.kind for layer in found] == ["Reformat", "PluginV2", "PluginV2", "Reformat", "Reformat"]
    assert found[1] == (
        "a",
        "PluginV2",
        ["a.mask", "Reformatted Input Tensor 1 to a", "(Unnamed Layer* 3) [Constant]_output"],
        ["a", "a.changed"],
    )


def test_states_that_are_copied():
    """On the way into our operators, or out of them; what a dense node reads may be a copy."""
    found = engine_log.copies(engine_log.layers(OLD), STATES)
    assert [layer.name for layer in found] == [
        "Reformatting CopyNode for Input Tensor 1 to a",
        "Reformatting CopyNode for Output Tensor 0 to b",
    ]
    copied = NEW.replace(
        "Input images, LayerType: NoOp, Inputs: [ { Name: images", "a, LayerType: Reformat, Inputs: [ { Name: a.cache"
    )
    assert len(engine_log.copies(engine_log.layers(copied), STATES)) == 1


def test_our_operators_may_be_called_copy():
    named = "Layer(PluginV2): /backbone/remove_bg/Conv, Tactic: 0, a.cache[Half(1,8,8,3)] -> a[Half(1,8,8,3)]"
    new = NEW.replace("Name: Conv_41,", "Name: copy1/Conv,").replace("Name: b_U1_myl2_1,", "Name: reformat_b,")
    for text in (named, new):
        assert engine_log.copies(engine_log.layers(text), STATES) == []


def test_tensors_as_later_versions_write_them():
    text = (
        "Layer(Reformat): Reformatting CopyNode for Input Tensor 1 to a, Tactic: 0x3e8, a.cache (Half[1,8,8,3]), "
        "x (Int32[2,2]) -> Reformatted Input Tensor 1 to a (Float[1,8,8,3])"
    )
    (layer,) = engine_log.layers(text)
    assert layer.inputs == ["a.cache", "x"] and layer.outputs == ["Reformatted Input Tensor 1 to a"]
    assert engine_log.copies([layer], STATES) == [layer]


def test_a_log_that_names_no_state_tells_nothing():
    layers = engine_log.layers(OLD)
    assert engine_log.knows(layers, STATES) and engine_log.knows([], [])
    assert not engine_log.knows([], STATES)
    assert not engine_log.knows([engine_log.Layer("l", "PluginV2", ["q"], ["r"])], STATES)


# A gate that reads a state, as ordinary nodes: a cast, and a copy in another format.
GATE = """Layer(Reformat): a.cache.float32.cast, Tactic: 0, a.cache[Half(1,8,8,3)] -> a.cache.float32[Float(1,8,8,3)]
Layer(Reformat): Reformatting CopyNode for Input Tensor 0 to gate, Tactic: 0, a.cache.float32[Float(1,8,8,3)] -> \
Reformatted Input Tensor 0 to gate[Float(1,8:4,8,3)]
Layer(CaskConvolution): gate, Tactic: 0, Reformatted Input Tensor 0 to gate[Float(1,8:4,8,3)] -> mask[Int32(2,2)]
Layer(PluginV2): a, Tactic: 0, mask[Int32(2,2)], a.cache[Half(1,8,8,3)] -> a[Half(1,8,8,3)]"""


def test_a_dense_node_may_read_a_copy_of_a_state():
    """But not together with an operator of ours."""
    found = engine_log.layers(GATE)
    assert len(found) == 4 and engine_log.copies(found, STATES) == []
    for name in found[1].inputs + found[1].outputs:
        found[3] = found[3]._replace(inputs=["mask", name])
        assert engine_log.copies(found, STATES) == found[:1]


def test_other_lines():
    for line in (
        "",
        "Total Activation Memory: 16384 bytes",
        "Layer: a Host Persistent: 80 bytes",
        "Name: a, IOMode: Input",
    ):
        assert engine_log.layers(line) == []
