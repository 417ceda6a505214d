"""Several networks in one role, each judged by itself: a run in parts, each of which reads like a run of its own.

What all networks of a role have in common may hide a dead one among them. So detectors are shown one discriminator with
its generator at a time, the signals of which bear the names that they have where there is but one of each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from gandiag.signals.names import COMBINED, NETS, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from gandiag.detectors import Detector
    from gandiag.findings import Finding, NotAssessed
    from gandiag.rundir.run import Run

GENERATOR, DISCRIMINATOR = NETS
WHOLE = ("modes/", "quality/", "nonfinite")
"""What is recorded of one generator, or of all networks at once, with no word of which: judged for the run as a whole.

Where several generators have one discriminator, so are samples: what it sees is a mixture of theirs.
"""
POOLED = ("diversity", "distance", "centre", "bins", "columns")
LATENT = "diversity/latent"
LAYER = "layer/"


@dataclass(frozen=True)
class Part:
    """One network of several with what belongs to it, or a whole run, which has no `name`.

    Attributes
    ----------
    name : as the user named the network, both where a generator and a discriminator belong together
    record : the whole run
    own : for each signal of the part, the name that it has in the whole run; None for all signals
    discriminator : its name among several
    roles : whose signals are there
    """

    name: str
    record: Run
    own: Mapping[str, str] | None = None
    discriminator: str = ""
    roles: frozenset[str] = frozenset(NETS)

    @cached_property
    def run(self) -> Run:
        """The part as a run."""
        if self.own is None:
            return self.record
        names = {full: name for name, full in self.own.items()}
        return replace(self.record, scalars=self.record.scalars[list(names)].rename(columns=names))

    def concerns(self, detector: Detector, weak: Iterable[str] = ()) -> bool:
        """Whether a failure is one of networks, and of those in this part; of `weak` signals it need not have any."""
        needs = [[roles_of(n) for n in names.split("|") if n not in weak] for names in detector.needs]
        there = [[roles for roles in of if not roles or roles & self.roles] for of in needs]
        return all(there) and any(roles for of in there for roles in of)

    def named(self, reason: NotAssessed) -> NotAssessed:
        """Why something could not be looked for in this part, and what to add for it."""
        call = "callback.observe("
        named = f'{call}discriminator="{self.discriminator}", ' if self.discriminator else call
        return replace(reason, network=self.name, how_to=reason.how_to.replace(call, named))

    def told(self, finding: Finding) -> Finding:
        """What was found in this part, in the words of the whole run."""
        own = self.own or {}
        evidence = tuple(replace(e, signal=own.get(e.signal, e.signal)) for e in finding.evidence)
        columns = tuple(dict.fromkeys(own.get(name, name) for name in finding.columns))
        return replace(finding, network=self.name, evidence=evidence, columns=columns)


@dataclass(frozen=True)
class Parts:
    """All that is judged of a run by itself: nothing but the `whole`, unless some role has several networks.

    `rest` has the signals of no network.
    """

    whole: Part
    rest: Part | None = None
    networks: tuple[Part, ...] = ()


def parts_of(run: Run) -> Parts:
    """A run in parts: a discriminator each with the one generator whose samples it sees, and generators left over."""
    names = networks_of(run)
    whole = Part("", run)
    if max(map(len, names.values())) < 2:
        return Parts(whole)
    pairs = list(_pairs(run, names))
    owners = {str(column): owner(str(column), names) for column in run.scalars}
    pooled = len(names[GENERATOR]) > 1 and len(names[DISCRIMINATOR]) < 2
    parts = tuple(_part(run, pair, names, owners, pooled=pooled) for pair in pairs)
    common = {c: c for c, (role, _, _) in owners.items() if not role or (pooled and _is_pooled(c))}
    return Parts(whole, Part("", run, common) if common else None, parts)


def networks_of(run: Run) -> dict[str, list[str]]:
    """The names of the networks in each role, as far as they have any: those attached, and those recorded."""
    found: dict[str, dict[str, None]] = {role: {} for role in NETS}
    roles = run.meta.get("roles", {})
    for name in (parse(str(key)) for key in roles):
        if name.role and name.network:
            found[name.role][name.network] = None
    for name in (parse(str(column)) for column in run.scalars):
        if name.network and (role := _role(str(name.base))):
            found[_role_of_network(role, name.network, found)][name.network] = None
    return {role: list(names) for role, names in found.items()}


def _role_of_network(role: str, network: str, names: Mapping[str, Collection[str]]) -> str:
    """The role that a network has: samples, which D is shown as a rule, may be recorded of a generator."""
    others = [other for other in NETS if network in names[other]]
    return role if role in others or not others else others[0]


def owner(column: str, names: Mapping[str, Sequence[str]]) -> tuple[str, str, str]:
    """Role and network that a signal belongs to, and its name where there is one network: "" for no role, or all."""
    name = parse(column)
    role = _role(str(name.base))
    if role and name.rest.startswith(LAYER):
        network, _, layer = name.rest.removeprefix(LAYER).partition(".")
        if layer and network in names[role]:
            return role, network, f"{name.head}/{LAYER}{layer}"
    if role and name.network:
        role = _role_of_network(role, name.network, names)
    return role, name.network, str(name.base)


def roles_of(signal: str) -> frozenset[str]:
    """The roles that a signal of the table, or one with placeholders, may belong to; none for one of the whole run."""
    if "<net>" in signal:
        return frozenset(NETS)
    role = _role(signal.partition("<")[0])
    return frozenset({role} if role else ())


def _role(base: str) -> str:
    name = parse(base.rstrip("/"))
    if name.role:
        return name.role
    if name.head not in COMBINED:
        return ""
    return GENERATOR if name.head == "feedback" or base == LATENT else DISCRIMINATOR


def _is_pooled(column: str) -> bool:
    return parse(column).head in POOLED and column != LATENT


def _pairs(run: Run, names: Mapping[str, Sequence[str]]) -> Iterable[dict[str, str]]:
    """The networks of each part, by role."""
    generators, discriminators = names[GENERATOR], names[DISCRIMINATOR]
    if len(discriminators) < 2:
        yield from ({GENERATOR: name} for name in generators)
        return
    if len(generators) < 2:
        yield from ({DISCRIMINATOR: name} for name in discriminators)
        return
    noted = run.meta.get("pairs")
    seen = noted if isinstance(noted, dict) else {}
    left = dict.fromkeys(generators)
    for name in discriminators:
        known = seen.get(f"{DISCRIMINATOR}.{name}")
        of = [parse(str(g)).network for g in known] if isinstance(known, list) else []
        if len(of) == 1 and of[0] in generators:
            left.pop(of[0], None)
            yield {DISCRIMINATOR: name, GENERATOR: of[0]}
        else:
            yield {DISCRIMINATOR: name}
    yield from ({GENERATOR: name} for name in left)


def _part(
    run: Run,
    pair: Mapping[str, str],
    names: Mapping[str, Sequence[str]],
    owners: Mapping[str, tuple[str, str, str]],
    *,
    pooled: bool,
) -> Part:
    own: dict[str, str] = {}
    for column, (role, network, base) in owners.items():
        if not role:
            if not column.startswith(WHOLE):
                own[column] = column
        elif len(names[role]) < 2:
            if not network and not (pooled and _is_pooled(column)):
                own[column] = column
        elif network and network == pair.get(role):
            own[base] = column
    roles = frozenset(role for role in NETS if role in pair or len(names[role]) < 2)
    name = " and ".join(dict.fromkeys(pair[role] for role in NETS if role in pair))
    return Part(name, run, own, pair.get(DISCRIMINATOR, ""), roles)
