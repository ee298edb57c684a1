"""Cases of PatchMask and PatchGate."""

from .local import IMAGENET
from .specs import MASKS, WEIGHTS, Gate, Mask

POINTWISE = (1, 1, 0, 0)


def window(kernel, stride=1, dilation=1, begin=0):
    return stride, 1, -begin, (kernel - 1) * dilation - begin


def transposed(kernel, stride, begin=0, dilation=1):
    return 1, stride, begin - (kernel - 1) * dilation + stride - 1, begin


def mask(tag, size, patch, in_size, in_patch, y, x=None, kind="random"):
    windows = tuple(y) + tuple(x or y)
    name = "patchmask-{}-{}x{}-p{}-from{}-{}".format(tag, *size, patch, in_patch, kind.replace(" ", "-"))
    return Mask(name, size, patch, (in_size,), (in_patch,), windows, (kind,))


def masks():
    for kind in MASKS:
        yield mask("pointwise", (17, 19), 4, (17, 19), 4, POINTWISE, kind=kind)
        yield mask("k3", (17, 19), 4, (17, 19), 4, window(3, begin=1), kind=kind)
        yield mask("k3s2", (9, 10), 2, (17, 19), 4, window(3, 2, begin=1), kind=kind)
        yield mask("everything", (5, 6), 1, (17, 19), 4, (0, 1, 0, 16), (0, 1, 0, 18), kind=kind)
    yield mask("k7d2", (20, 21), 1, (20, 21), 1, window(7, 1, 2, 6))
    yield mask("k6s2", (16, 15), 8, (32, 30), 16, window(6, 2, begin=2))
    yield mask("asymmetric", (16, 15), 2, (16, 15), 2, window(3, begin=2), window(3, begin=0))
    yield mask("k13", (12, 13), 1, (12, 13), 1, window(13, begin=6))
    yield mask("stride-beyond-patch", (3, 3), 1, (12, 12), 1, window(3, 4, begin=1))
    yield mask("k1s2", (8, 8), 2, (16, 16), 4, window(1, 2))
    yield mask("finer", (16, 16), 2, (16, 16), 8, POINTWISE)
    yield mask("coarser", (16, 17), 8, (16, 17), 2, POINTWISE)
    yield mask("unaligned", (16, 17), 3, (16, 17), 4, window(3, begin=1))
    yield mask("beyond-map", (5, 6), 16, (5, 6), 16, window(3, begin=1), kind="full")
    yield mask("transpose-k4s2", (16, 18), 4, (8, 9), 2, transposed(4, 2, 1))
    yield mask("transpose-k2s2", (16, 18), 1, (8, 9), 1, transposed(2, 2))
    yield mask("transpose-k8s4", (32, 36), 4, (8, 9), 1, transposed(8, 4, 2))
    yield mask("transpose-k3s2d2", (17, 19), 1, (8, 9), 1, transposed(3, 2, 1, 2))
    for tag, n_in, n_out in (("up", (8, 9), (16, 18)), ("odd", (8, 9), (13, 11)), ("down", (16, 18), (7, 9))):
        yield mask("nearest-" + tag, n_out, 1, n_in, 1, *[(i, o, 0, 0) for i, o in zip(n_in, n_out)])
        yield mask(
            "linear-" + tag, n_out, 2, n_in, 1, *[(2 * i, 2 * o, i - o, i - o + 2 * o) for i, o in zip(n_in, n_out)]
        )
        yield mask("corners-" + tag, n_out, 2, n_in, 1, *[(i - 1, o - 1, 0, o - 1) for i, o in zip(n_in, n_out)])
    for count in (2, 3, 5, 16):
        windows = POINTWISE * 2, window(3, begin=1) * 2
        yield Mask(
            "patchmask-join-{}".format(count),
            (14, 15),
            2,
            ((14, 15),) * count,
            (2,) * count,
            tuple(v for i in range(count) for v in windows[i % 2]),
            ("single",) * count,
        )
    yield Mask(
        "patchmask-join-scales",
        (14, 15),
        2,
        ((14, 15), (28, 30), (7, 8)),
        (2, 4, 1),
        POINTWISE * 2 + window(3, 2, begin=1) * 2 + (1, 2, 0, 0) * 2,
        ("single", "random", "last row"),
    )
    yield mask("large", (144, 192), 1, (144, 192), 1, window(3, begin=1))


def gate(tag, mode, size, patch, candidates="", dtype="float32", differs="some", in_place=-1, weights="", **attributes):
    name = "patchgate-{}-{}-{}x{}x{}-p{}-{}-{}".format(mode, tag, *size, patch, dtype, differs.replace(" ", "-"))
    attributes = dict(mode=mode, patch=patch, **attributes)
    return Gate(name, size, attributes, candidates, dtype, differs, in_place, weights)


def gates():
    forms = (("NHWC", "float32"), ("NCHW", "float32"), ("NHWC", "uint8"))
    for layout, dtype in forms:
        form = dict(layout=layout, dtype=dtype)
        for differs in ("none", "some", "nan reference", "smallest"):
            yield gate("plain-" + layout, "exact", (33, 35, 3), 16, differs=differs, **form)
            yield gate(
                "scaled-" + layout, "exact", (33, 35, 3), 8, differs=differs, channels=(2, 1, 0), **form, **IMAGENET
            )
        yield gate("biased-" + layout, "exact", (17, 18, 3), 4, bias=(0.3, -0.1, 12.7), **form)
        yield gate("candidates-" + layout, "exact", (33, 35, 3), 16, "checkerboard", **form)
        for patch, cell in ((4, 1), (4, 4), (8, 2), (16, 8), (3, 3)):
            tag = "c{}-{}".format(cell, layout)
            yield gate(tag, "delta", (33, 35, 3), patch, cell=cell, **form)
            yield gate(
                tag + "-scaled",
                "delta",
                (33, 35, 3),
                patch,
                "random",
                cell=cell,
                channels=(2, 1, 0),
                **form,
                **IMAGENET,
            )
        yield gate("none-" + layout, "delta", (33, 35, 3), 8, differs="none", cell=4, **form)
        yield gate("first-" + layout, "delta", (33, 35, 3), 8, differs="nan reference", cell=4, **form)
    for channels in (1, 2, 4, 5):
        yield gate("bytes", "delta", (33, 35, channels), 16, cell=16, dtype="uint8")
    yield gate("bytes-repeated", "delta", (33, 35, 3), 8, cell=8, dtype="uint8", channels=(2, 0, 0, 1, 2))
    for mode in ("exact", "delta"):
        cell = {"cell": 2} if mode == "delta" else {}
        for channels in (1, 4, 15, 16, 17, 33, 64):
            yield gate("channels", mode, (13, 14, channels), 4, "random", **cell)
        for differs in ("nan reference", "nan input"):
            yield gate("activation", mode, (13, 14, 12), 4, differs=differs, **cell)
            yield gate("activation-candidates", mode, (13, 14, 12), 4, "random", differs=differs, **cell)
        for kind in MASKS:
            for in_place in (0, 1) if mode == "delta" else (0,):
                yield gate(
                    "{}-{}".format(kind.replace(" ", "-"), in_place),
                    mode,
                    (13, 14, 7),
                    2,
                    kind,
                    in_place=in_place,
                    **cell,
                )
        yield gate("beyond-map", mode, (5, 6, 8), 16, **cell)
        yield gate("one-pixel", mode, (1, 1, 8), 16, **cell)
        yield gate("tall", mode, (37, 1, 8), 2, **cell)
        yield gate("large", mode, (96, 100, 16), 8, "random", **cell)
    for weights in WEIGHTS[1:]:
        tag = "weights-" + weights.replace(" ", "-")
        for layout, dtype in forms:
            yield gate(tag + "-" + layout, "delta", (33, 35, 3), 8, cell=2, layout=layout, dtype=dtype, weights=weights)
        for channels in (1, 5, 16, 17, 33):
            yield gate(tag, "delta", (13, 14, channels), 4, "random", cell=2, weights=weights)
        for differs in ("nan reference", "nan unweighted", "nan input"):
            yield gate(tag, "delta", (13, 14, 12), 4, differs=differs, cell=4, weights=weights)
    yield gate("nchw-many-channels", "delta", (13, 14, 20), 4, cell=2, layout="NCHW")


CASES = list(masks()) + list(gates())
