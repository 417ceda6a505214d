"""What a logged name may mean, read from its words; by itself, without its siblings and without its values."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from gandiag.logs import words as w
from gandiag.signals import describe

Kind = Literal[
    "signal", "held-out", "part of G's loss", "part of D's loss", "one side of D's loss", "penalty", "path length",
    "spread of a metric", "gap of D's outputs", "learning rate", "gradient of a part", "accuracy of D", "other",
]  # fmt: skip
Transform = Literal["", "sign", "share", "wrong", "root"]
"""How a value becomes that of the signal: (1 + x) / 2; percents as shares; 1 - x; the square root."""

ROLES = {"generator": "loss/generator", "discriminator": "loss/discriminator"}
_D_OF_GZ = re.compile(r"(?:mean[_ ])?d[_( ]*g[_( ]*z\)*_?(?P<which>[12]?)(?:_mean)?")
_D_OF_X = re.compile(r"(?:mean[_ ])?d[_(]x\)?(?:_mean)?|dx|d_of_x")
_QUALITY = ("fid", "kid", "is", "precision", "recall", "density", "coverage")
_FOR_QUALITY = (
    w.NEUTRAL | w.HELD_OUT
    | {"score", "clean", "custom", "latent", "reference", "improved", "pr", "quality", "inception", "distance", "ema"}
)  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """One meaning of a name. `signal` is "" where gandiag has none for it; `sure` is False where there are others.

    `side` is real or fake for what concerns one side of D's loss; `family` a loss family that the name tells of.
    """

    kind: Kind
    signal: str = ""
    sure: bool = True
    why: str = ""
    transform: Transform = ""
    role: str = ""
    own: str = ""
    side: str = ""
    family: str = ""
    rank: int = 0  # of several names of one signal the lowest is the best


def readings(name: str) -> list[Reading]:
    """What a name may mean, the likeliest first; none for a name that says nothing.

    >>> [r.signal for r in readings("train/errD")], [r.kind for r in readings("d_loss_fake")]
    (['loss/discriminator'], ['one side of D\\'s loss'])
    >>> [(r.signal or r.kind, r.sure) for r in readings("D_real")]
    [('one side of D\\'s loss', False), ('d/real/mean', False)]
    """
    plain = name.strip()
    if describe(plain).meaning != "logged by the loop" and ("/" in plain or plain == "nonfinite"):
        return [Reading("signal", plain, why="gandiag's own name")]
    parts = [w.words(part) for part in re.split(r"[/\\]+", plain) if w.words(part)]
    if not parts:
        return []
    found = _read(parts, re.split(r"[/\\]+", plain)[-1])
    outside = {word for part in parts[:-1] for word in part} | set(parts[-1][:1])
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
        if found and not any(r.sure or r.role for r in found) and count < len(parts):
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
    for reader in (_quality, _rate, _gradient, _penalty, _gap, _sign, _outputs, _loss):
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
    if name == "is" and strange:
        return []
    if strange:
        return [Reading("signal", f"quality/{name}", sure=False, why=f"{strange[0]!r} is unknown here")]
    return [Reading("signal", f"quality/{name}", rank=len(rest), why=f"its name says {name}")]


def _rate(inside: list[str], have: set[str]) -> list[Reading]:
    if not have & w.RATE:
        return []
    role, own, left = _role(inside)
    known = w.NEUTRAL | w.RATE | {"opt", "optim", "optimizer", "optimiser", "adam", "adamw", "sgd", "rmsprop", "group"}
    strange = [x for x in left if x not in known and not re.fullmatch(r"(?:pg)?\d*", x)]
    if not role or own or strange:
        return [Reading("learning rate", why="of which network it does not say")]
    return [Reading("signal", f"rate/{role}", role=role, why=f"learning rate of the {role}")]


def _gradient(inside: list[str], have: set[str]) -> list[Reading]:
    if not have & w.GRADIENT or have & (w.PENALTY - {"cr"}):
        return []
    role, own, left = _role(inside)
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
    side = _side(inside)
    if have & {"sign", "signs"} and side:
        return [Reading("signal", f"d/{side}/positive", transform="sign", side=side, why="mean sign of D's logits")]
    if inside in (["rt"], ["r", "t"]):
        return [Reading("signal", "d/real/positive", transform="sign", sure=False, why="r_t of ADA")]
    return []


def _side(inside: list[str]) -> str:
    have = set(inside)
    real, fake = bool(have & w.REAL), bool(have & w.FAKE)
    if not real and not fake and "gen" in have and have & (w.DISCRIMINATOR - {"d"} | {"d"}):
        place = inside.index("gen")
        fake = any(word in w.DISCRIMINATOR for word in inside[:place])
    return "" if real == fake else "real" if real else "fake"


def _role(inside: list[str]) -> tuple[str, str, list[str]]:
    """The network that a name is about, its own name where it has one, and the other words."""
    places = [(i, word) for i, word in enumerate(inside) if word in w.GENERATOR | w.DISCRIMINATOR]
    if not places:
        subs = [word for word in inside if word in {"mpd", "mrd", "msd", "mbd", "mpsd"}]
        if len(subs) == 1:
            return "discriminator", subs[0], [x for x in inside if x != subs[0]]
        return "", "", list(inside)
    roles = {"generator" if word in w.GENERATOR else "discriminator" for _, word in places}
    taken = {i for i, _ in places}
    if len(roles) == 2:
        first = places[0][1]
        role = "discriminator" if first in w.DISCRIMINATOR and places[1][1] == "gen" else ""
    else:
        role = next(iter(roles))
    left = [word for i, word in enumerate(inside) if i not in taken]
    owns = [word for word in left if word in w.OWN]
    own = owns[0] if len(owns) == 1 else ""
    return role, own, [x for x in left if x != own] if own else left


def _outputs(inside: list[str], have: set[str]) -> list[Reading]:
    """D's outputs, and its accuracy, on one side."""
    side = _side(inside)
    if not side:
        return []
    role, own, left = _role(inside)
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


def _loss(inside: list[str], have: set[str]) -> list[Reading]:
    """A loss of one network, or a part of it."""
    role, own, left = _role(inside)
    side = _side(inside)
    if not have & (w.GENERATOR | w.DISCRIMINATOR | w.LOSS):
        return []  # msd alone
    if have & w.OTHER_THAN_VALUE - {"w"} or have & w.SPREAD or set(w.EXTREME) & have or have & w.ACCURACY:
        return []
    if not role:
        if side and have & w.LOSS and set(left) <= w.LOSS | w.REAL | w.FAKE | w.NEUTRAL | w.ADVERSARIAL:
            return [Reading("one side of D's loss", side=side, sure=False, why="its name has no network in it")]
        return []
    family = next((w.FAMILIES[x] for x in left if x in w.FAMILIES), "")
    left = [x for x in left if x not in w.NEUTRAL | w.HELD_OUT and x not in w.FAMILIES and not x.isdigit()]
    numbers = [x for x in inside if x.isdigit()]
    if role == "discriminator":
        return _of_d(inside, have, own, side, family, left, numbers)
    if have & w.DISCRIMINATOR:
        return []
    return _of_g(have, own, side, family, left, numbers)


def _of_d(
    inside: list[str], have: set[str], own: str, side: str, family: str, left: list[str], numbers: list[str]
) -> list[Reading]:
    strange = [x for x in left if x not in w.LOSS | w.REAL | w.FAKE | w.ADVERSARIAL | {"l", "generated"}]
    if side:
        if have & w.LOSS or "l" in left or inside[0] == "l":
            return [Reading("one side of D's loss", side=side, own=own, family=family, why=f"D's loss on {side}")]
        kinds = [
            Reading("one side of D's loss", side=side, own=own, sure=False, why=f"D's loss on {side} samples, or"),
            Reading("signal", f"d/{side}/mean", False, f"D's mean output on {side} samples, or its loss", side=side),
        ]
        if have & {"mean"}:
            kinds.reverse()
        return [] if strange else kinds
    if any(x in w.COMPONENT for x in strange):
        return [Reading("part of D's loss", why="a part of D's loss")] if have & w.LOSS else []
    told = have & w.LOSS or "l" in left
    if not told and (strange or have & w.ADVERSARIAL):
        return []
    bare = not told
    if bare and len(inside) > 1 and not own and not have & {"total", "update", "updates"}:
        return []
    return [_total("discriminator", own, family, strange, numbers, have, bare)]


def _of_g(have: set[str], own: str, side: str, family: str, left: list[str], numbers: list[str]) -> list[Reading]:
    told = have & w.LOSS or "l" in left
    strange = [x for x in left if x not in w.LOSS | {"l"}]
    if any(x in w.ADVERSARIAL for x in strange) or (side and told):
        return [Reading("part of G's loss", why="the adversarial part of G's loss", role="generator")]
    if any(x in w.COMPONENT for x in strange) or side:
        return [Reading("part of G's loss", why="a part of G's loss", role="generator")] if told or strange else []
    if not told and (strange or (len(have) > 1 and not own and not have & {"total", "update", "updates"})):
        return []
    return [_total("generator", own, family, strange, numbers, have, not told)]


def _total(
    role: str, own: str, family: str, strange: list[str], numbers: list[str], have: set[str], bare: bool
) -> Reading:
    signal = ROLES[role] + (f".{own}" if own else "")
    why, sure = f"loss of the {role}", True
    if strange:
        why, sure = f"loss of the {role}, or a part of it: {strange[0]!r} is unknown here", False
    elif numbers and numbers != ["0"]:
        why, sure = f"loss of the {role}, or of one of several", False
    elif bare and not own:
        why = f"its name is the {role}"
    if have & w.CRITIC and role == "discriminator":
        why += " (critic)"
    rank = (0 if have & {"total", "tot", "all"} else 1) + (2 if have & {"running", "smoothed", "avg"} else 0)
    return Reading("signal", signal, sure, why, role=role, own=own, family=family, rank=rank)
