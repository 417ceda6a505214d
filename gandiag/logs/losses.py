"""Names of losses: of which network, the whole or a part, of one side or of both."""

from __future__ import annotations

from gandiag.logs import words as w
from gandiag.logs.reading import ROLES, Reading


def side_of(inside: list[str]) -> str:
    """real or fake, "" for both or neither; `gen` after a word for D is its generated side."""
    have = set(inside)
    real, fake = bool(have & w.REAL), bool(have & w.FAKE)
    if not real and not fake and "gen" in have and have & (w.DISCRIMINATOR - {"d"} | {"d"}):
        place = inside.index("gen")
        fake = any(word in w.DISCRIMINATOR for word in inside[:place])
    return "" if real == fake else "real" if real else "fake"


def role_of(inside: list[str]) -> tuple[str, str, list[str]]:
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


def read_loss(inside: list[str], have: set[str]) -> list[Reading]:  # noqa: PLR0911 - one rule after the other
    """A loss of one network, or a part of it."""
    role, own, left = role_of(inside)
    side = side_of(inside)
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


def _of_d(  # noqa: PLR0913, PLR0917 - what was read of one name
    inside: list[str], have: set[str], own: str, side: str, family: str, left: list[str], numbers: list[str]
) -> list[Reading]:
    strange = [x for x in left if x not in w.LOSS | w.REAL | w.FAKE | w.ADVERSARIAL | {"l", "generated"}]
    if side:
        if have & w.LOSS or "l" in left or inside[0] == "l":
            return [Reading("one side of D's loss", side=side, own=own, family=family, why=f"D's loss on {side}")]
        kinds = [
            Reading(
                "one side of D's loss",
                side=side,
                own=own,
                sure=False,
                why=f"D's loss on {side} samples, or its output",
            ),
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


def _total(  # noqa: PLR0913, PLR0917 - as above
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
