"""`patchskip finetune`: a model with the same gates and other weights, the same from the same seed."""

import dataclasses
import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from patchskip.benchmarks.demo_network import build
from patchskip.export.command import save
from patchskip.export.metadata import metadata_of
from patchskip.runtime import cli
from patchskip.training import checkpoint, trainer
from patchskip.training.finetuning import command

pytest.importorskip("cv2")
pytest.importorskip("onnxruntime")
CLIP = "synthetic://?frames=24&size=160x128&shapes=6"
ARGUMENTS = "--source {} --streams 2 --steps 10 --threads 1".format(CLIP).split()


def export(folder, *more, name="net.patchskip.onnx"):
    save(build((128, 160)), folder / "net.onnx")
    arguments = ["export", str(folder / "net.onnx"), "-o", str(folder / name), "--quiet", *more]
    assert cli.main(arguments) == 0
    return str(folder / name)


@pytest.fixture
def finetune(tmp_path, monkeypatch):
    """finetune(*more arguments, output=name) -> exit status."""
    monkeypatch.setattr(command, "MEASURED", 1)
    model = export(tmp_path, "--gate", "delta", "--input", "u8")

    def run(*more, output="tuned.onnx"):
        return cli.main(["finetune", model, *ARGUMENTS, "-o", str(tmp_path / output), *more])

    return run


@pytest.fixture
def measures(monkeypatch):
    """measures(before, after): what the measurements find, as distance and share of the MACs."""

    def script(*found):
        measured, results = trainer.Trainer.measure, iter(found)

        def measure(*arguments):
            distance, active = next(results)
            return dataclasses.replace(measured(*arguments), terms={"score": distance}, active=active)

        monkeypatch.setattr(trainer.Trainer, "measure", measure)

    return script


def test_result(finetune, measures, tmp_path, capsys):
    measures((2.0, 0.3), (1.0, 0.2))
    assert finetune("--json", str(tmp_path / "result.json")) == 0
    said, result = capsys.readouterr().out, json.loads((tmp_path / "result.json").read_text())
    assert "before: 30.00% of the multiplications" in said and "after: 20.00%" in said
    assert result["better"] and result["reached"] and result["after"] == {"active_macs": 0.2, "terms": {"score": 1.0}}
    before, after = (onnx.load(tmp_path / name) for name in ("net.patchskip.onnx", "tuned.onnx"))
    assert [n.SerializeToString() for n in before.graph.node] == [n.SerializeToString() for n in after.graph.node]
    metadata = [metadata_of(model) for model in (before, after)]
    assert {**metadata[0], "finetuned": True} == metadata[1]
    moved = [
        np.abs(numpy_helper.to_array(new) - numpy_helper.to_array(old)).max()
        for old, new in zip(before.graph.initializer, after.graph.initializer)
        if old.data_type == onnx.TensorProto.FLOAT
    ]
    assert max(moved) > 0
    log = json.loads((tmp_path / "tuned.checkpoint" / "weights.json").read_text())
    assert len(log) == 2 and set(log[0]["terms"]) == {"score", "box", "whole"}
    assert "<svg" in (tmp_path / "tuned.checkpoint" / "weights.html").read_text()


@pytest.mark.parametrize(
    "after, status, said",
    [
        ((1.5, 0.3), 1, "no better: no model was written"),
        ((1.5, 0.2), 1, "no better: no model was written"),  # a network that is ruined has less to do
        ((1.05, 0.2), 0, "wrote "),
        ((0.9, 0.4), 0, "wrote "),
        ((0.99, 0.4), 1, "no better: no model was written"),
    ],
)
def test_better(finetune, measures, tmp_path, capsys, after, status, said):
    measures((1.0, 0.3), after)
    assert finetune() == status
    assert said in capsys.readouterr().out
    assert (tmp_path / "tuned.onnx").exists() == (status == 0)


def test_target(finetune, measures, tmp_path, capsys):
    measures((1.0, 0.3), (0.9, 0.1))
    assert finetune("--target-active", "0.05") == 1
    assert "the target of 5.00% is not reached; this is the nearest" in capsys.readouterr().out
    assert (tmp_path / "tuned.onnx").exists()


def test_interrupted(finetune, interrupting, tmp_path, capsys):
    finetune(output="whole.onnx")
    with interrupting():
        assert finetune() == 130 and not (tmp_path / "tuned.onnx").exists()
    finetune()
    assert "going on after round 1 of 2" in capsys.readouterr().out
    logs = [(tmp_path / f"{name}.checkpoint" / "weights.json").read_text() for name in ("tuned", "whole")]
    assert logs[0] == logs[1]


def test_a_loss_that_is_not_a_number(finetune, tmp_path, monkeypatch, capsys):
    terms = trainer.Trainer._terms
    rounds = []
    monkeypatch.setattr(checkpoint, "save", lambda *a: rounds.append(a))
    monkeypatch.setattr(
        trainer.Trainer,
        "_terms",
        lambda *a: {k: v * float("nan" if v.requires_grad else 1) for k, v in terms(*a).items()},
    )
    assert finetune() == 1
    assert "the loss of round 1 is not a number" in capsys.readouterr().err
    assert not rounds and not (tmp_path / "tuned.onnx").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--target-active", "2"], "--target-active 2.0 is not possible"),
        (["--steps", "0"], "--steps 0 is not possible"),
        (["--rate", "0"], "--rate 0.0 is not possible"),
        (["--part", "0.5", "0.5"], "--part [0.5, 0.5] is not possible"),
        (["--part", "0", "0.5"], "has 12 frames to train on"),
        (["--crop", "1,2"], "--crop 1,2"),
        (["--source", "absent.mp4"], "no such file"),
        (["--output", "absent/net.onnx"], "there is no folder"),
    ],
)
def test_bad_input(finetune, tmp_path, capsys, arguments, message):
    before = sorted(tmp_path.rglob("*"))
    assert finetune(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "options, message",
    [
        ([], "is in exact mode and has no gates; export it with --gate delta"),
        (["--gate", "delta"], "does not take a frame as it is; export it with --input u8"),
    ],
)
def test_other_models(tmp_path, capsys, options, message):
    model = export(tmp_path, *options)
    assert cli.main(["finetune", model, *ARGUMENTS, "-o", str(tmp_path / "tuned.onnx")]) == 2
    assert message in capsys.readouterr().err


def test_output_is_the_model(tmp_path, capsys):
    model = export(tmp_path, "--gate", "delta", "--input", "u8")
    assert cli.main(["finetune", model, *ARGUMENTS, "-o", model]) == 2
    assert f"is the input {model} itself; give another name" in capsys.readouterr().err


@pytest.mark.slow
def test_frames_are_what_run_shows(tmp_path, monkeypatch):
    """A detector's lie top left, as `run` fits them; a network of poses sees the crop's shape, whether one is given."""
    import numpy as np

    import patchskip
    from patchskip.runtime.pipeline import Pipeline
    from patchskip.training.finetuning.command import fit_of

    model = patchskip.load(export(tmp_path, "--gate", "delta", "--input", "u8"), 1)
    frame = np.random.default_rng(0).integers(0, 256, (90, 90, 3)).astype(np.uint8)
    pipeline = Pipeline(model)
    np.testing.assert_array_equal(fit_of(model, None)(frame), pipeline.preprocess(frame))
    monkeypatch.setattr("patchskip.runtime.tasks.guess", lambda model: "pose")
    assert (fit_of(model, None)(frame) != pipeline.preprocess(frame)).any()


def test_less_is_computed(finetune, tmp_path):
    """A price on multiplications, and nothing else but what the dense network says."""
    result = tmp_path / "result.json"
    assert finetune("--steps", "60", "--budget-weight", "0.5", "--json", str(result)) == 0
    found = json.loads(result.read_text())
    assert found["after"]["active_macs"] < 0.97 * found["before"]["active_macs"]
