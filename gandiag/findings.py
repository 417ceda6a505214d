"""The vocabulary of a verdict: what was found, on what evidence, and what could not be judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gandiag.remedy import Remedy
from gandiag.wording import listed

Severity = Literal["info", "warning", "failure"]
Verdict = Literal["healthy", "suspect", "failing", "undecided"]

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "failure")  # ascending
SCHEMA = "gandiag-diagnosis/2"
OF_COMMANDS = ("exit_code", "status", "reason")  # what their JSON has beside the diagnosis
WITHOUT_HELD_OUT = (
    "Whether D knows its training samples by heart was not looked at, as no held-out samples were given; one line "
    "tells: gandiag.attach(G, D, run_dir=..., held_out=validation_samples)"
)
SEVERAL = "several, undecided"
"""The root of a story that has more than one beginning."""


def titled(code: str, network: str = "") -> str:
    """How a failure is called where it is told.

    >>> titled("sample-collapse"), titled("sample-collapse", "a2b")
    ('sample-collapse', 'sample-collapse of a2b')
    """
    return f"{code} of {network}" if network else code


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One measured value and the threshold it was compared with."""

    signal: str
    value: float
    threshold: float
    unit: str = ""
    comparison: Literal["below", "above"] = "above"

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.signal} = {self.value:.3g}{unit} ({self.comparison} {self.threshold:.3g})"


@dataclass(frozen=True, kw_only=True, repr=False)
class Finding:
    """A failure seen over one spell of steps, with what a reader needs to redo the judgement.

    `onset_step` is the first step of the spell and `last_step` the last one at which it still held;
    `ongoing` says whether that is the end of what was recorded. `columns` are the signals to plot. `remedies` are, as
    a detector gives them, all that its specification names; `diagnose` leaves the three that fit the run, cheapest
    first, and none where nothing is to be changed: of remarks, and of warnings that passed. `network` is the name of
    the network that it is about, where there are several; "" where it is about all. `onset_between` holds, of logs
    that are sparse, the last record before it began and the first one after.
    """

    code: str
    severity: Severity
    onset_step: int
    last_step: int
    ongoing: bool
    summary: str
    evidence: tuple[Evidence, ...]
    mechanism: str
    remedies: tuple[Remedy, ...]
    columns: tuple[str, ...]
    network: str = ""
    onset_between: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity must be one of {', '.join(SEVERITIES)}, got {self.severity!r}")
        if self.last_step < self.onset_step:
            raise ValueError(f"last_step {self.last_step} lies before onset_step {self.onset_step}")

    def __repr__(self) -> str:
        return f"<Finding {self.title}: {self.severity} {self.when}>"

    def _repr_html_(self) -> str:
        return shown_in_notebook("finding", self)

    @property
    def when(self) -> str:
        """Its spell in words: from step 1,014, ongoing."""
        until = "ongoing" if self.ongoing else f"until step {self.last_step:,}"
        return f"{self.since}, {until}"

    @property
    def title(self) -> str:
        """The code, and the network where there are several."""
        return titled(self.code, self.network)

    @property
    def since(self) -> str:
        """When it began, in words: at a step, or where records are sparse between two."""
        if self.onset_between is None:
            return f"from step {self.onset_step:,}"
        return f"from between steps {self.onset_between[0]:,} and {self.onset_between[1]:,}"

    @property
    def counts(self) -> bool:
        """Whether it makes a verdict: failures do, and warnings that still hold."""
        return self.severity == "failure" or (self.severity == "warning" and self.ongoing)


TRAIN_LONGER = "train for longer"
"""What to add to a run that is too short."""
SWAPPED = "the generator was given the discriminator's output"
"""What a fault says where G and D seem to be swapped: then hardly anything else that is known of a run means much."""


@dataclass(frozen=True, kw_only=True)
class NotAssessed:
    """A failure that could not be looked for, and what to add so that it can be; of one `network`, or of all."""

    code: str
    reason: str
    how_to: str
    missing: tuple[str, ...] = ()
    network: str = ""

    @property
    def title(self) -> str:
        """The code, and the network where there are several."""
        return titled(self.code, self.network)


@dataclass(frozen=True, kw_only=True)
class NotApplicable:
    """A failure that runs of this loss family cannot have, or that its rule cannot tell there, and why."""

    code: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Link:
    """One finding that explains another by a known mechanism, with the paper that describes it.

    `cause` and `effect` are places in `Diagnosis.findings`, counted from 0.
    """

    cause: int
    effect: int
    sentence: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Story:
    """What led to what, as far as known mechanisms tell.

    `root` is the code of the finding that everything else follows from, `SEVERAL` when the findings have more than
    one beginning, None without findings. `line` shows the chains in one line, `sentence` says what they rest on.
    `chains` are places in `Diagnosis.findings`, from cause to effect; a chain begins where an earlier one forks.
    """

    root: str | None = None
    line: str = ""
    sentence: str = ""
    chains: tuple[tuple[int, ...], ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DetectorError:
    """A detector of ours that crashed: its failure is neither found nor excluded."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True, repr=False)
class Diagnosis:
    """What is wrong with a run up to `last_step`, what is not, and what could not be judged.

    Findings stand in the order of their onsets; `story` links them. `clean` names the failures that were looked for
    and not found, `not_applicable` those that do not apply to the run's loss family. `last_healthy_step` is the last
    step before the first finding, of severity warning at least, that is still ongoing; None when there is no such
    step. `checks` says of each mistake in the loop whether it was found: PASS, WARN, FAIL, or SKIP where it could not
    be looked for. `normal` says of a healthy run what may look wrong in its losses, and is not. `missing` says what the
    record lacks: files that are damaged, steps that were not recorded, detail that was given up, faults of gandiag's
    own. `decided` is False when an essential failure could not be looked for, a detector crashed, a file is damaged, or
    most steps are missing: the absence of findings then proves nothing.
    """

    verdict: Verdict
    decided: bool = False
    findings: tuple[Finding, ...] = ()
    story: Story = field(default_factory=Story)
    clean: tuple[str, ...] = ()
    not_assessed: tuple[NotAssessed, ...] = ()
    not_applicable: tuple[NotApplicable, ...] = ()
    errors: tuple[DetectorError, ...] = ()
    checks: Mapping[str, str] = field(default_factory=dict)
    normal: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    last_step: int = 0
    last_healthy_step: int | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        told = listed((f"{f.title} {f.since}" for f in self.findings), most=2)
        return f"<Diagnosis {self.verdict}, {self.last_step:,} steps{': ' if told else ''}{told}>"

    def _repr_html_(self) -> str:
        return shown_in_notebook("diagnosis", self)

    def show(self) -> None:
        """Show verdict, findings and what to try: as a table in a notebook, as text elsewhere."""
        import gandiag

        gandiag.reports.show(self)

    def failed(self, at_or_above: Severity = "failure") -> bool:
        """Whether a finding of that severity or a higher one still held at the end of what was recorded."""
        bar = SEVERITIES.index(at_or_above)
        return any(f.ongoing and SEVERITIES.index(f.severity) >= bar for f in self.findings)

    def worst(self) -> Severity | None:
        """Highest severity among the findings, None without findings."""
        return max((f.severity for f in self.findings), key=SEVERITIES.index, default=None)

    @property
    def caveat(self) -> str:
        """What a healthy verdict does not rest on, and the line that would change that; "" where there is nothing."""
        unseen = any(n.code == "discriminator-overfitting" and n.missing for n in self.not_assessed)
        return WITHOUT_HELD_OUT if unseen and self.verdict == "healthy" else ""

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy with its schema; numbers that are not finite become their names ("nan", "inf")."""
        plain: dict[str, Any] = json_ready({"schema": SCHEMA, **asdict(self)})
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Diagnosis:
        """The inverse of `to_dict`; what the commands add to it with --json is left out.

        Raises ValueError when `data` is no diagnosis, or one that another version of gandiag wrote.
        """
        content = {key: value for key, value in data.items() if key not in OF_COMMANDS}
        schema = content.pop("schema", None)
        if schema != SCHEMA:
            raise ValueError(
                f"schema must be {SCHEMA!r}, found {schema!r}: another version of gandiag wrote this diagnosis; "
                "judge the run again (gandiag diagnose RUN_DIR --json)"
            )
        try:
            return cls(**{**_plain(content), **_parts(content)})
        except (KeyError, TypeError) as error:
            raise ValueError(f"this is no diagnosis of schema {SCHEMA}: {error}") from None


def _parts(data: Mapping[str, Any]) -> dict[str, Any]:
    story = data["story"]
    links = tuple(Link(**link) for link in story["links"])
    return {
        "findings": tuple(_finding(f) for f in data["findings"]),
        "story": Story(**{**_plain(story), "links": links}),
        "not_assessed": tuple(NotAssessed(**_plain(n)) for n in data["not_assessed"]),
        "not_applicable": tuple(NotApplicable(**n) for n in data["not_applicable"]),
        "errors": tuple(DetectorError(**e) for e in data["errors"]),
    }


def _finding(data: Mapping[str, Any]) -> Finding:
    numbers = ("value", "threshold")
    evidence = tuple(Evidence(**{**e, **{name: float(e[name]) for name in numbers}}) for e in data["evidence"])
    remedies = tuple(Remedy(**_plain(r)) for r in data["remedies"])
    return Finding(**{**_plain(data), "evidence": evidence, "remedies": remedies})


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as JSON gives them, with tuples for lists, however deep."""
    return {key: _tupled(value) for key, value in data.items()}


def _tupled(value: Any) -> Any:
    return tuple(_tupled(item) for item in value) if isinstance(value, list) else value


def shown_in_notebook(kind: str, what: Any) -> str:
    """A finding, diagnosis or run as notebooks show it; made where everything is that people look at."""
    import gandiag

    return str(gandiag.reports.notebook(kind, what))


def json_ready(value: Any) -> Any:
    """`value` with tuples as lists, keys as text, and numbers that JSON lacks as their names."""
    if isinstance(value, Mapping):
        return {str(k): json_ready(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def seem_swapped(diagnosis: Diagnosis) -> bool:
    """Whether what the record lacks says that G and D may have been passed in the wrong order."""
    return any(SWAPPED in sentence for sentence in diagnosis.missing)
