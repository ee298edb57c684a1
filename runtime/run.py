"""`patchskip run`: a model over a video."""

import contextlib
import sys

import numpy as np

from . import opencv, sinks, skeletons, tasks
from .errors import PatchskipError
from .every_nth import EveryNth
from .every_nth import check as check_every
from .files import check_targets
from .model import files_of, load
from .pipeline import REVISIT, STAGES, Pipeline
from .progress import Progress
from .sources import open_source
from .tasks import coco, detect, keypoints, track

OVERLAYS = ("boxes", "skeletons", "patches")
DECODERS = {"pose": keypoints.DECODERS, "track": track.DECODERS}
USERS = {  # the tasks that have a use for an option
    "conf": ("detect", "track", "pose"),
    "nms": ("detect", "track"),
    "classes": ("detect", "track"),
    "save_mot": ("detect", "track"),
    "crop": ("pose",),
    "plot3d": ("pose",),
}


def add_arguments(parser):
    parser.add_argument("model", metavar="MODEL", help="what `patchskip export` or `build` wrote")
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a video, a folder of images, a camera (/dev/video0, csi://0, rtsp://...) or synthetic://",
    )
    parser.add_argument("output", metavar="OUTPUT", nargs="?", help="annotated video to write (.mp4, .mkv, .avi)")
    parser.add_argument("--task", choices=sorted(tasks.TASKS), help="what the outputs mean (default: found out)")
    parser.add_argument(
        "--overlay",
        default=",".join(OVERLAYS),
        metavar="LIST",
        help="what OUTPUT shows: boxes, skeletons, patches (the skipped are dark), none (default: %(default)s)",
    )
    parser.add_argument(
        "--save-mot", metavar="FILE", help="write boxes, and tracks' ids, in the MOT challenge's format"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="default: PATCHSKIP_THREADS, or all cores")
    parser.add_argument(
        "--conf",
        type=float,
        help="least score of a box, of a person, or of what a track begins with (default: the task's)",
    )
    parser.add_argument("--nms", type=float, help="IoU above which the worse of two boxes goes ({})".format(detect.NMS))
    parser.add_argument("--classes", metavar="LIST", help="keep these: names of COCO or numbers, such as person,car")
    parser.add_argument(
        "--decoder",
        choices=[name for names in DECODERS.values() for name in names],
        help="of --task pose or track (default: found out)",
    )
    add_crop(parser, "the part of the frame that --task pose looks at; it follows the person (default: all of it)")
    parser.add_argument("--plot3d", metavar="FILE", help="a video of the body in space, from networks that give depth")
    add_anew(parser)
    parser.add_argument(
        "--every",
        type=int,
        default=1,
        metavar="N",
        help="look at every N-th frame only; in between tracks are predicted, boxes and joints stay (1)",
    )
    parser.add_argument("--frames", type=int, metavar="N", help="stop after N frames")


def add_crop(parser, text):
    parser.add_argument("--crop", metavar="X,Y,W,H", help=text)


JSON = "write one JSON object a line, one for each frame and at the end a summary"


def add_anew(parser):
    parser.add_argument(
        "--refresh",
        type=int,
        metavar="N",
        help="compute every part of the picture anew within N frames, a little in each: what a delta gate held back "
        "stays no longer (default: never)",
    )
    parser.add_argument(
        "--revisit",
        type=int,
        metavar="N",
        help="compute what was found anew every N frames, box by box (default: {} with delta gates; 0: never)".format(
            REVISIT
        ),
    )


def read_crop(text):
    """What --crop says -> (x, y, width, height) in pixels, or None."""
    if text is None:
        return None
    try:
        numbers = tuple(int(word) for word in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 4 or min(numbers[2:]) < 1:
        raise PatchskipError("--crop {}: give the left, the top, the width and the height in whole pixels".format(text))
    return numbers


def main(args):
    check_targets([args.output, args.json, args.save_mot, args.plot3d], [*files_of(args.model), args.source])
    overlays = [word for word in args.overlay.split(",") if word not in ("", "none")]
    for word in overlays:
        if word not in OVERLAYS:
            raise PatchskipError("--overlay {}: there is no {}; use {}".format(args.overlay, word, ",".join(OVERLAYS)))
    if args.frames is not None and args.frames < 1:
        raise PatchskipError("--frames is {}; give 1 or more".format(args.frames))
    for name in ("conf", "nms"):
        if not 0 <= (getattr(args, name) or 0) <= 1:
            raise PatchskipError("--{} is {}; give a number from 0 to 1".format(name, getattr(args, name)))
    model = load(args.model, args.threads)
    source = open_source(args.source)
    task = args.task or tasks.guess(model)
    options = _options(args, task)
    check_every([args.every], task, "--every")
    if args.threads:
        opencv.load().setNumThreads(args.threads)
    pipeline = Pipeline(model, task, args.refresh, args.revisit, **options)
    if args.plot3d and not pipeline.task.depth:
        raise PatchskipError("--plot3d needs joints in space, and {} gives them in the picture".format(args.model))
    summary = _stream(args, model, source, pipeline, overlays)
    if not args.quiet:
        print(_describe(summary), file=sys.stderr if "-" in (args.json, args.save_mot) else sys.stdout)
    return 130 if "interrupted" in summary else 0


def _options(args, task):
    """-> what `tasks.create` takes, of the arguments. Raises PatchskipError for one that the task has no use for."""
    for name, users in USERS.items():
        if getattr(args, name) is not None and task not in users:
            option, fit = name.replace("_", "-"), " or ".join(users)
            raise PatchskipError("--{} is for --task {}, and the task is {}; leave it out".format(option, fit, task))
    if args.decoder and args.decoder not in DECODERS.get(task, ()):
        raise PatchskipError("--decoder {} is not one of --task {}; leave it out".format(args.decoder, task))
    options = {name: getattr(args, name) for name in ("conf", "nms") if getattr(args, name) is not None}
    if args.classes is not None:
        options["classes"] = [word.strip() for word in args.classes.split(",")]
    if task in DECODERS:
        options["decoder"] = args.decoder
    if task == "pose":
        options["crop"] = read_crop(args.crop)
    return options


def _stream(args, model, source, pipeline, overlays):
    """-> the summary: frames, mean milliseconds of each stage, mean share of MACs."""
    limit = min(n for n in (args.frames, source.count, float("inf")) if n is not None)
    total = None if limit == float("inf") else limit

    posing = hasattr(pipeline.task, "skeleton")

    def names(number):
        return pipeline.task.skeleton.joints[number] if posing else coco.name(number, pipeline.task.count)

    trails = sinks.Trails()

    def annotate(frame, found, looked):
        if "patches" in overlays:
            mask, side = pipeline.stream.image_mask()
            sinks.shade(frame, mask & looked, side, pipeline.preprocess.scale, pipeline.origin)
        if posing and "skeletons" in overlays:
            skeletons.draw(frame, found, pipeline.task.skeleton)
        elif not posing and "boxes" in overlays and found is not None:
            trails(frame, found)
            sinks.draw(frame, found, names)

    times, macs = [], []
    with contextlib.ExitStack() as stack:
        video = stack.enter_context(sinks.video(args.output, source.size, source.fps)) if args.output else None
        mot = stack.enter_context(sinks.mot(args.save_mot)) if args.save_mot else None
        record = stack.enter_context(sinks.json_lines(args.json)) if args.json else None
        plot = (
            stack.enter_context(sinks.video(args.plot3d, (skeletons.SIDE, skeletons.SIDE), source.fps))
            if args.plot3d
            else None
        )
        progress = stack.enter_context(Progress("run", total, args.quiet))
        every = EveryNth(pipeline, args.every)
        interrupted = False
        try:
            for number, frame in enumerate(source, 1):
                found = every(frame)
                active = pipeline.stream.stats["active_macs"] if every.looked else 0.0
                times.append([every.times[stage] for stage in STAGES])
                macs.append(active)
                if mot:
                    mot(number, found)
                if record:
                    record(_record(number, found, active, every, names))
                if video:
                    annotate(frame, found, every.looked)
                    video(frame)
                if plot:
                    plot(skeletons.plot(found, pipeline.task.skeleton))
                progress.update(number, "{:.1%} of MACs".format(active))
                if number == args.frames:
                    break
        except KeyboardInterrupt:  # how a camera ends: what it gave is kept
            if not (source.live and times):
                raise
            interrupted = True
        summary = _summary(model, times, macs)
        if interrupted:
            summary["interrupted"] = True
        if pipeline.crop:
            summary["crop_moves"] = pipeline.crop.moves
        if record:
            record({"summary": summary})
    return summary


def _record(number, found, active, every, names):
    record = {"frame": number, "active_macs": round(active, 6), "stages_ms": _milliseconds(every.times)}
    if every.pipeline.crop:
        record["crop"] = every.pipeline.crop.box
        record["people"] = [{"joints": _joints(joints, names)} for joints in found.tolist()]
    elif found is not None:
        record["detections"] = [_detection(row, names) for row in found.tolist()]
    return record


def _detection(row, names):
    number = int(row[5])
    result = {"box": [round(v, 2) for v in row[:4]], "score": round(row[4], 4), "class": number, "name": names(number)}
    if len(row) > 6:
        result["id"] = int(row[6])
    return result


def _joints(joints, names):
    return [
        {"name": names(number), "x": round(x, 2), "y": round(y, 2), "z": round(z, 2), "score": round(score, 4)}
        for number, (x, y, z, score) in enumerate(joints)
    ]


def _milliseconds(times):
    return {stage: round(1e3 * seconds, 4) for stage, seconds in times.items()}


def _summary(model, times, macs):
    """The first frame, which is computed in full, is reported apart."""
    later = slice(1, None) if len(times) > 1 else slice(None)
    means = np.mean(times[later], axis=0)
    return {
        "frames": len(times),
        "stages_ms": _milliseconds(dict(zip(STAGES, means))),
        "total_ms": round(1e3 * float(means.sum()), 4),
        "first_frame_ms": round(1e3 * sum(times[0]), 4),
        "active_macs": round(float(np.mean(macs[later])), 6),
        "macs": model.metadata.get("macs"),
    }


def _describe(summary):
    stages = "  ".join("{} {:.2f}".format(stage, summary["stages_ms"][stage]) for stage in STAGES)
    text = "{} frames, {:.2f} ms each ({}); the first {:.1f} ms; {:.1%} of the MACs active".format(
        summary["frames"], summary["total_ms"], stages, summary["first_frame_ms"], summary["active_macs"]
    )
    if "interrupted" in summary:
        text = "interrupted after " + text
    moves = summary.get("crop_moves")
    return text + "; the crop moved {} times".format(moves) if moves else text
