"""What a logged name may mean, read from its words; by itself, without its siblings and without its values."""

from __future__ import annotations

import re
from dataclasses import replace

from gandiag.logs import words as w
from gandiag.logs.losses import read_loss, role_of, side_of
from gandiag.logs.reading import Reading, Transform
from gandiag.signals import describe

_D_OF_GZ = re.compile(r"(?:mean[_ ])?d[_( ]*g[_( ]*z\)*_?(?P<which>[12]?)(?:_mean)?")
_D_OF_X = re.compile(r"(?:mean[_ ])?d[_(]x\)?(?:_mean)?|dx|d_of_x")
_QUALITY = ("fid", "kid", "is", "precision", "recall", "density", "coverage")
_FOR_QUALITY = (
    w.NEUTRAL | w.HELD_OUT
    | {"score", "clean", "custom", "latent", "reference", "improved", "pr", "quality", "inception", "distance", "ema"}
)  # fmt: skip


def readings(name: str) -> list[Reading]:
    """What a name may mean, the likeliest first; none for a name that says nothing.

    >>> [r.signal for r in readings("train/errD")], [r.kind for r in readings("d_loss_fake")]
    (['loss/discriminator'], ["one side of D's loss"])
    >>> [(r.signal or r.kind, r.sure) for r in readings("D_real")]
    [("one side of D's loss", False), ('d/real/mean', False)]
    """
    plain = name.strip()
    if describe(plain).meaning != "logged by the loop" and ("/" in plain or plain == "nonfinite"):
        return [Reading("signal", plain, why="gandiag's own name")]
    parts = [w.words(part) for part in re.split(r"[/\\]+", plain) if w.words(part)]
    if not parts:
        return []
    found = _read(parts, re.split(r"[/\\]+", plain)[-1])
    outside = {word for part in parts[:-1] for word in part} | set(parts[-1][:1])
    measured = any(r.signal.startswith("quality/") for r in found)
    if measured and outside & (w.OTHER_THAN_VALUE - {"ema", "n"} | set(w.EXTREME)):
        return [Reading("other", why="the best so far, or something else about a metric")]
    if measured and outside & w.HELD_OUT:
        found = [replace(r, rank=r.rank + 1) for r in found]
    if outside & w.HELD_OUT and not any(r.signal.startswith("quality/") for r in found):
        return [Reading("held-out", why="of validation, not of training")]
    if found and w.HELD_OUT & set(parts[-1][1:]) and not any(r.signal.startswith("quality/") for r in found):
        return [replace(r, sure=False, why=f"{r.why}; or of validation".removeprefix("; ")) for r in found]
    return found


def _read(parts: list[tuple[str, ...]], last: str) -> list[Reading]:
    """The last part alone; with ever more of the path before it while that says nothing."""
    if told := _of_inputs(last):
        return told
    for count in range(1, len(parts) + 1):
        inside = [word for part in parts[-count:] for word in part]
        if len(parts) > count and count == 1 and len(inside) == 1 and inside[0] in w.GENERATOR | w.DISCRIMINATOR:
            continue  # loss/g: what comes before it tells what it is
        found = _read_words(inside)
        if found and count < len(parts) and not any(r.role or (r.signal and r.sure) for r in found):
            wider = _read_words([word for part in parts[-count - 1 :] for word in part])
            return wider if any(r.sure or r.role for r in wider) else found
        if found:
            return found
    return []


def _of_inputs(last: str) -> list[Reading]:
    """D(x) and D(G(z)) in their spellings."""
    lowered = last.strip().lower()
    if _D_OF_X.fullmatch(lowered):
        return [Reading("signal", "d/real/mean", why="D(x)")]
    if found := _D_OF_GZ.fullmatch(lowered):
        if found["which"] == "2":
            return [Reading("other", why="D(G(z)) after D's update, at G's step")]
        return [Reading("signal", "d/fake/mean", why="D(G(z))")]
    return []


def _read_words(inside: list[str]) -> list[Reading]:
    have = set(inside)
    for reader in (_quality, _rate, _gradient, _penalty, _gap, _sign, _outputs, read_loss):
        if found := reader(inside, have):
            return found
    return []


def _quality(inside: list[str], have: set[str]) -> list[Reading]:
    named = [m for m in _QUALITY if m in have]
    if "inception" in have and not named and have & ({"score", "mean"} | w.SPREAD):
        named = ["is"]
    if len(named) != 1 or have & (w.REAL | w.FAKE | w.GRADIENT | w.LOSS | w.DISCRIMINATOR):
        return []
    name, rest = named[0], [word for word in inside if word != named[0]]
    if have & w.SPREAD:
        return [Reading("spread of a metric", why=f"the spread of {name.upper()}")]
    if have & w.OTHER_THAN_VALUE - {"ema"} or set(w.EXTREME) & have or have & {"accuracy", "list"}:
        return []
    strange = [x for x in rest if x not in _FOR_QUALITY and not re.fullmatch(r"\d+k?\d*", x)]
    if name == "is" and not set(rest) <= {"score", "mean", "inception"} | {
        x for x in rest if x not in strange and x[0].isdigit()
    }:
        return []  # is_training
    if strange:
        return [Reading("signal", f"quality/{name}", sure=False, why=f"{strange[0]!r} is unknown here")]
    return [Reading("signal", f"quality/{name}", rank=len(rest), why=f"its name says {name}")]


def _rate(inside: list[str], have: set[str]) -> list[Reading]:
    if not have & w.RATE:
        return []
    role, own, left = role_of(inside)
    known = w.NEUTRAL | w.RATE | {"opt", "optim", "optimizer", "optimiser", "adam", "adamw", "sgd", "rmsprop", "group"}
    strange = [x for x in left if x not in known and not re.fullmatch(r"(?:pg)?\d*", x)]
    if not role or own or strange:
        return [Reading("learning rate", why="of which network it does not say")]
    return [Reading("signal", f"rate/{role}", role=role, why=f"learning rate of the {role}")]


def _gradient(inside: list[str], have: set[str]) -> list[Reading]:
    if not have & w.GRADIENT or have & (w.PENALTY - {"cr"}):
        return []
    role, own, left = role_of(inside)
    if have & {"clip", "clipped", "clipping", "max", "min", "param", "layer"} | have & w.SPREAD or not role:
        return [Reading("gradient of a part", why="a gradient, not that of one whole network before clipping")]
    strange = [x for x in left if x not in w.GRADIENT | w.NORM | w.NEUTRAL | {"l2", "2", "0"}]
    if strange:
        return [Reading("gradient of a part", why="a gradient of a part of a network")]
    signal = f"grad/{role}{'.' + own if own else ''}/norm"
    if not have & w.NORM:
        return [Reading("signal", signal, sure=False, role=role, why="a norm, a mean or a sum of squares")]
    return [Reading("signal", signal, role=role, own=own, why=f"gradient norm of the {role}")]


def _penalty(inside: list[str], have: set[str]) -> list[Reading]:
    if have & w.PATH_LENGTH or inside in (["path"], ["mean", "path"]):
        return [Reading("path length", why="path length of G, no penalty of D")]
    if have & w.PENALTY or inside == ["mixed", "norms"]:
        return [Reading("penalty", why="a penalty; weighted or not, its name does not say")]
    return []


def _gap(inside: list[str], have: set[str]) -> list[Reading]:
    distance = have & {"distance", "dist", "estimate", "emd", "wd"} or inside[-2:] == ["wasserstein", "d"]
    if distance and have & {"wasserstein", "wass", "w", "emd", "em", "earth", "wd"}:
        return [Reading("gap of D's outputs", why="mean D(real) - mean D(fake)")]
    return []


def _sign(inside: list[str], have: set[str]) -> list[Reading]:
    side = side_of(inside)
    if have & {"sign", "signs"} and side:
        return [Reading("signal", f"d/{side}/positive", transform="sign", side=side, why="mean sign of D's logits")]
    if inside in (["rt"], ["r", "t"]):
        return [Reading("signal", "d/real/positive", transform="sign", sure=False, why="r_t of ADA")]
    return []


def _outputs(inside: list[str], have: set[str]) -> list[Reading]:
    """D's outputs, and its accuracy, on one side."""
    side = side_of(inside)
    if not side:
        return []
    role, own, left = role_of(inside)
    d = f"d.{own}" if own else "d"
    if have & w.ACCURACY:
        transform: Transform = "share" if side == "real" else "wrong"
        why = f"share of {side} samples that D gets right"
        return [Reading("signal", f"{d}/{side}/positive", role == "discriminator", why, transform, side=side)]
    tell = have & w.OUTPUT
    if have & w.OTHER_THAN_VALUE or have & w.LOSS or role == "generator":
        return []
    strange = [x for x in left if x not in w.OUTPUT | w.NEUTRAL | w.REAL | w.FAKE | set(w.EXTREME) | w.SPREAD | {"gen"}]
    strange = [x for x in strange if x not in w.ADVERSARIAL]
    if not tell or (strange and role != "discriminator"):
        return []
    last = "std" if have & (w.SPREAD - {"var", "variance"}) else ""
    last = last or next((w.EXTREME[x] for x in inside if x in w.EXTREME), "mean")
    if have & {"var", "variance"}:
        return []
    sure = not strange and (bool(role) or bool(tell & {"score", "scores", "logit", "logits"}) or len(inside) == 2)
    why = "D's output" + (f"; {strange[0]!r} is unknown here" if strange else "")
    return [Reading("signal", f"{d}/{side}/{last}", sure, f"{why} on {side} samples", role=role, own=own, side=side)]
