"""The grammar of a signal's name, `head[.network]/rest`, in one place.

The network is that of several in a role whose own signal it is: `d.patch/auc`, `grad/generator.a2b/norm`. Keys of raw
records follow the same grammar: `points.patch/real`, `gram/generator.a2b/main.0.weight`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NETS = ("generator", "discriminator")
"""The two roles."""
COMBINED = (
    "d",
    "diversity",
    "distance",
    "centre",
    "range",
    "penalty",
    "feedback",
    "pull",
    "bins",
    "columns",
    "condition",
    "nonfinite",
)
"""Heads of signals that several networks may have: all of them have one more in common."""
_RAW = ("points", "labels", "latent", "held_out", "total", "input", "seen", "asked", "penalties")
_OF_A_ROLE = (
    "grad",
    "update",
    "updates",
    "pace",
    "rate",
    "leftover",
    "unheld",
    "mode",
    "copied",
    "skipped",
    "weights",
    "bound",
    "gram",
)
_ROLE = "|".join(NETS)
_NAME = re.compile(
    rf"(?P<head>(?:{'|'.join(_OF_A_ROLE)})/(?:{_ROLE})|{'|'.join((*COMBINED, *_RAW))}|{_ROLE})"
    r"(?:\.(?P<network>\w+))?(?:/(?P<rest>.+))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Name:
    """A signal's name in its parts, "" for those that it does not have.

    `head` is the first word, of signals that belong to a role the first two: `grad/generator`.

    >>> parse("grad/generator.a2b/norm")
    Name(head='grad/generator', network='a2b', rest='norm')
    >>> str(parse("d/auc").of("patch")), str(parse("d.patch/real/std").sibling("mean")), str(parse("d.patch/auc").base)
    ('d.patch/auc', 'd.patch/real/mean', 'd/auc')
    """

    head: str
    network: str = ""
    rest: str = ""

    def __str__(self) -> str:
        own = f"{self.head}.{self.network}" if self.network else self.head
        return f"{own}/{self.rest}" if self.rest else own

    def of(self, network: str) -> Name:
        """The signal of one network; of "" that of all in the role."""
        return replace(self, network=network)

    @property
    def base(self) -> Name:
        """The signal that all networks in the role have in common."""
        return self.of("")

    def sibling(self, last: str) -> Name:
        """The signal with another last word."""
        return replace(self, rest="/".join((*self.words[:-1], last)))

    @property
    def words(self) -> tuple[str, ...]:
        """Those of `rest`."""
        return tuple(self.rest.split("/"))

    @property
    def family(self) -> str:
        """The first word."""
        return self.head.partition("/")[0]

    @property
    def role(self) -> str:
        """`generator` or `discriminator` for a signal that belongs to a role, else ""."""
        last = self.head.rpartition("/")[2]
        return last if last in NETS else ""

    @property
    def net(self) -> str:
        """The role with the network in it: `generator.a2b`."""
        return f"{self.role}.{self.network}" if self.role and self.network else self.role


@lru_cache(maxsize=4096)
def parse(name: str) -> Name:
    """A signal's name, or a raw key, in its parts. `str` of it is the name again.

    Names of other signals, which the loop logged, are of no network.

    >>> parse("d.patch/real/mean"), parse("my.own/loss")
    (Name(head='d', network='patch', rest='real/mean'), Name(head='my.own', network='', rest='loss'))
    """
    if found := _NAME.fullmatch(name):
        return Name(found["head"], found["network"] or "", found["rest"] or "")
    head, _, rest = name.partition("/")
    return Name(head, rest=rest) if head and rest else Name(name)


@lru_cache(maxsize=256)
def _expression(pattern: str) -> re.Pattern[str]:
    pieces = re.split(r"(<\w+>)", pattern)
    wild = {"<net>": rf"(?P<net>{_ROLE})"}
    return re.compile("".join(wild.get(p, f"(?P{p}.+)") if p.startswith("<") else re.escape(p) for p in pieces))


def placeholders(pattern: str, name: str) -> dict[str, str] | None:
    """What stands in a name for the placeholders of a name of the table; None where that does not stand for it.

    >>> placeholders("grad/<net>/layer/<layer>", "grad/generator/layer/main.0")
    {'net': 'generator', 'layer': 'main.0'}
    """
    found = _expression(pattern).fullmatch(name)
    return found.groupdict() if found else None


def placeholder(pattern: str, name: str) -> str:
    """What stands in a name for the last placeholder of a name of the table; a ValueError where nothing does.

    >>> placeholder("diversity/class/<class>", "diversity/class/3")
    '3'
    """
    if not (found := placeholders(pattern, name)):
        raise ValueError(f"{name} is no {pattern}")
    return list(found.values())[-1]


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Those of `names`, in their order, that a pattern with placeholders stands for.

    >>> matching("grad/<net>/layer/<layer>", ["grad/generator/norm", "grad/generator/layer/main.0", "d/auc"])
    ['grad/generator/layer/main.0']
    """
    return [name for name in names if placeholders(pattern, name) is not None]
