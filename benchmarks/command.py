"""`patchskip benchmark`: a patch-skipping network against the dense one it was made from, on the same frames."""

import numpy as np

import patchskip
from patchskip.benchmarks import accuracy, environment, every_nth, gpus, joints, profiling, report, timing
from patchskip.benchmarks.dense import open_dense
from patchskip.benchmarks.measure import frame_count, measure_quality, measure_times
from patchskip.runtime import opencv, tasks
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.every_nth import check as check_every
from patchskip.runtime.files import atomic_json, atomic_text, check_targets
from patchskip.runtime.model import files_of, is_engine
from patchskip.runtime.progress import Progress
from patchskip.runtime.run import add_anew, add_crop, read_crop
from patchskip.runtime.sources import open_source

MIN_FRAMES = 100
MAX_SPREAD = 1.25  # of the dense network's p90 over its p50: its work is the same on every frame


def add_arguments(parser):
    parser.add_argument("model", metavar="MODEL", help="what `patchskip export` or `build` wrote")
    parser.add_argument("--source", required=True, metavar="VIDEO", help="a video, a folder of images or synthetic://")
    parser.add_argument(
        "--dense",
        required=True,
        metavar="DENSE.onnx",
        help="the network that MODEL was exported from, run by ONNX Runtime; or, beside an engine, an engine of it",
    )
    parser.add_argument(
        "--gt",
        metavar="GT.txt",
        help="MOTChallenge ground truth, with seqinfo.ini beside it: adds the AP50 of persons, or HOTA",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="for both (default: PATCHSKIP_THREADS, or all cores)")
    parser.add_argument("--start", type=int, default=0, metavar="N", help="leave out the first N frames")
    parser.add_argument("--frames", type=int, metavar="N", help="stop after N frames")
    parser.add_argument("--task", choices=sorted(tasks.TASKS), help="what the outputs mean (default: found out)")
    add_crop(parser, "the part of the frame that --task pose looks at; it stays there (default: all of it)")
    parser.add_argument(
        "--every-nth",
        type=int,
        nargs="+",
        default=[],
        metavar="N",
        help="also run both on every N-th frame only, tracks predicted and boxes held in between",
    )
    add_anew(parser)
    parser.add_argument("--report", metavar="FILE.html", help="write a page that shows the results")
    parser.add_argument("--profile", action="store_true", help="add the time of every layer at this clip's activity")


def main(args):
    check_targets([args.json, args.report], [*files_of(args.model, args.dense), args.source, args.gt])
    if args.frames is not None and args.frames < 2:
        raise PatchskipError(f"--frames is {args.frames}; the first frame is reported apart, so give 2 or more")
    threads = environment.threads(args.threads)
    skip = patchskip.load(args.model, threads)
    if args.profile and is_engine(args.model):
        raise PatchskipError(
            "--profile is ONNX Runtime's; leave it out, and give the engine to `trtexec --dumpProfile`"
        )
    dense = open_dense(args.dense, threads, skip)
    check_outputs(skip, dense)
    source = open_source(args.source)
    source.start_at(args.start)
    task = args.task or tasks.guess(skip)
    truth = accuracy.GroundTruth(args.gt) if args.gt else None
    if truth and task not in ("detect", "track"):
        raise PatchskipError(f"--gt needs a detector, and {args.model} has the outputs {skip.outputs}; leave it out")
    if truth and task == "track":
        from patchskip.benchmarks import tracking

        tracking.library()  # says at the start what is missing
        truth.require_identities()
    if args.crop and task != "pose":
        raise PatchskipError(f"--crop is for --task pose, and the task is {task}; leave it out")
    numbers = sorted(set(args.every_nth))
    # The first frame of a block is not counted: with n of a block's length that would be every frame looked at.
    check_every(numbers, task, "--every-nth", timing.BLOCK - 1)
    # A crop that follows would follow each network's own joints: both see the same pictures.
    options = {"crop": read_crop(args.crop), "moving": False} if task == "pose" else {}
    anew = {"refresh": args.refresh, "revisit": args.revisit}
    opencv.load().setNumThreads(threads)

    gpu = gpus.of(skip)
    total = frame_count(source, args.frames)
    if truth and total:
        accuracy.require_persons(truth, source, range(total))
    with Progress("times", total, args.quiet) as progress, environment.Watch(gpu) as watch:
        times, rivals = measure_times(dense, skip, source, task, args.frames, progress, options, numbers, anew)
    if len(times[0].total) < 2:
        raise PatchskipError(
            f"{args.source} has {len(times[0].total)} frames to look at; the first is reported apart, so give 2 or more"
        )
    with Progress("quality", total, args.quiet) as progress:
        quality = measure_quality(dense, skip, source, task, truth, args.frames, progress, options, numbers, anew)
    result = summarise(times, quality, threads, watch, gpu)
    if numbers:
        result["every_nth"] = every_nth.summarise(numbers, rivals, quality.every_nth, result)
    result["model"], result["dense_model"], result["source"] = str(args.model), str(args.dense), str(args.source)
    result["start"], result["refresh"], result["revisit"] = args.start, args.refresh, quality.revisit
    if args.profile:
        result["profile"] = profiling.profile(args.model, threads, source, args.frames)
    if not args.quiet and args.json != "-":
        print(describe(result), flush=True)
    if args.json:
        atomic_json(args.json, result)
    if args.report:
        with atomic_text(args.report) as file:
            file.write(report.page(result, times, quality, report.example(source, quality)))
    return 0


def check_outputs(skip, dense):
    """Raise PatchskipError unless both have the same outputs: then they are no two forms of one network."""
    shapes = [{entry["name"]: entry["shape"] for entry in model.outputs} for model in (skip, dense)]
    if shapes[0] != shapes[1]:
        raise PatchskipError(
            f"{skip.path} has the outputs {shapes[0]} and {dense.path} {shapes[1]}; "
            "give the network it was exported from"
        )


def summarise(times, quality, threads, watch, gpu):
    """-> the benchmark's JSON. gpu: gpus.of(the model)."""
    dense_times, skip_times = times[:2]
    dense, skip = dense_times.summary(), skip_times.summary()
    active = float(quality.active[skip_times.counted].mean())
    inference = dense["stages"]["inference"]["mean_ms"] / skip["stages"]["inference"]["mean_ms"]
    result = {
        "frames": int(skip_times.counted.sum()),
        "threads": threads,
        "dense": dense,
        "skip": skip,
        "speedup": dense["mean_ms"] / skip["mean_ms"],
        "inference_speedup": inference,
        "active_macs": active,
        "efficiency": inference * active,
        "fidelity": {
            "max_rel_error": float(quality.errors.max()),
            "mean_rel_error": float(quality.errors.mean()),
        },
        "first_frame": {"dense_ms": float(dense_times.total[0]), "skip_ms": float(skip_times.total[0])},
        "layers": quality.layers,
        "interleave": timing.HOW,
        "environment": {**environment.describe(threads), **(gpu.describe() if gpu else {})},
    }
    if quality.accuracy:
        convention = {"iou": 0.5, "class": "person"}
        if "ap50" in quality.accuracy["skip"]:
            convention.update(confidence=accuracy.CONFIDENCE, nms=accuracy.NMS)
        result["accuracy"] = {**quality.accuracy, "convention": convention}
    if quality.keypoints_within_5pct is not None:
        measured = result.setdefault("accuracy", {"dense": {}, "skip": {}, "convention": {}})
        measured["skip"]["keypoints_within_5pct"] = quality.keypoints_within_5pct
        measured["convention"].update(keypoint_score=joints.LEAST, keypoint_distance=joints.SHARE)
    result["reasons"] = reasons(result, quality) + watch.reasons()
    result["valid"] = not result["reasons"]
    return result


def reasons(result, quality):
    """Why the numbers are not to be trusted."""
    found = []
    if result["frames"] < MIN_FRAMES:
        found.append(f"{result['frames']} frames were timed; {MIN_FRAMES} or more are needed")
    spread = result["dense"]["p90_ms"] / result["dense"]["p50_ms"]
    if spread > MAX_SPREAD:
        found.append(
            f"the dense network's p90 is {spread:.2f} times its p50, above {MAX_SPREAD}: the machine was not quiet"
        )
    if result["threads"] > environment.cores():
        found.append(f"{result['threads']} threads on {environment.cores()} cores")
    if not np.isfinite(quality.errors).all():
        found.append(f"{int((~np.isfinite(quality.errors)).sum())} frames have outputs that are not finite")
    return found


def accuracies(values):
    """-> a line of text for each measure of the benchmark's "accuracy" (None without) that ground truth gave."""
    lines = []
    for name, title in accuracy.TITLES.items():
        if values and name in values["dense"]:
            dense, skip = (values[kind][name] for kind in ("dense", "skip"))
            if isinstance(dense, int):
                lines.append(f"{title} of persons: dense {dense}, skip {skip}")
            else:
                change = 100 * (skip - dense)
                lines.append(f"{title} of persons: dense {dense:.4f}, skip {skip:.4f} ({change:+.2f} points)")
    return lines


def describe(result):
    """-> the results as text."""
    lines = [f"{'ms a frame':12}{'mean':>9}{'p50':>9}{'p90':>9}{'p99':>9}   preprocess  inference  decode"]
    for kind in ("dense", "skip"):
        row, stages = result[kind], result[kind]["stages"]
        lines.append(
            f"{kind:12}"
            + "".join(f"{row[key]:9.3f}" for key in ("mean_ms", "p50_ms", "p90_ms", "p99_ms"))
            + f"{stages['preprocess']['mean_ms']:13.3f}{stages['inference']['mean_ms']:11.3f}"
            + f"{stages['decode']['mean_ms']:8.3f}"
        )
    lines.append(
        f"{result['speedup']:.2f}x end to end, {result['inference_speedup']:.2f}x inference, "
        f"{result['active_macs']:.1%} of the MACs active, efficiency {result['efficiency']:.2f}"
    )
    first, error = result["first_frame"], result["fidelity"]
    lines.append(
        f"first frame: dense {first['dense_ms']:.2f} ms, skip {first['skip_ms']:.2f} ms; relative error: "
        f"max {error['max_rel_error']:.2g}, mean {error['mean_rel_error']:.2g}"
    )
    measured = result.get("accuracy", {}).get("skip", {})
    if "keypoints_within_5pct" in measured:
        near = measured["keypoints_within_5pct"]
        lines.append(f"{near:.2%} of dense's keypoints are within {joints.SHARE:.0%} of the person's box")
    lines += accuracies(result.get("accuracy"))
    if "every_nth" in result:
        lines += every_nth.text(result)
    where = result["environment"]
    lines.append(
        f"{result['frames']} frames, {result['threads']} threads, {where['isa']}, {where['cpu']}"
        + (f", ONNX Runtime {where['onnxruntime']}" if where["onnxruntime"] else "")
    )
    if "gpu" in where:
        lines.append(f"{where['gpu']}, {where['tensorrt']}, {where['precision']}, CUDA graph {where['cuda_graph']}")
    lines += [f"not to be trusted: {reason}" for reason in result["reasons"]]
    if "profile" in result:
        lines.append(profiling.table(result["profile"]))
    return "\n".join(lines)
