"""Runs, findings and diagnoses that the report tests share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from gandiag import synthetic
from gandiag.findings import DetectorError, Diagnosis, Evidence, Finding, NotApplicable, NotAssessed
from gandiag.judge.missing import what_is_missing
from gandiag.judge.story import tell
from gandiag.remedy import Remedy
from gandiag.rundir.run import Run, Sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONSET = 1500
NASTY = "<script>alert(1)</script> #set $x$ *b* _i_ `c` @r {{ y }} \\"


@pytest.fixture
def collapse() -> Finding:
    """A mode collapse that is still going on at the end of the run."""
    return Finding(
        code="mode-collapse",
        severity="failure",
        onset_step=ONSET,
        last_step=3000,
        ongoing=True,
        summary="G covers two of ten modes.",
        evidence=(Evidence(signal="diversity/ratio", value=0.11345, threshold=0.3, unit="ratio", comparison="below"),),
        mechanism="G found outputs that D accepts and nothing asks for variety.",
        remedies=(
            Remedy(
                name="whole-batches",
                change="let D see whole batches",
                code="spread = fake.std(dim=0)\nif step % 2:\n    print(spread)",
                why="It sees that samples are alike.",
                cost="a wider layer",
                cost_level=1,
                evidence="79 of 1,000 modes to all of them.",
                verified=True,
                expect="diversity/ratio rises within 500 steps",
                recipe="ring8-pacgan2",
            ),
            Remedy(
                name="slower",
                change="lower the learning rate of G",
                code="lr = 1e-4",
                why="D can answer.",
                cost="none",
                cost_level=0,
                evidence="Two time scales.",
                verified=False,
                expect="d/auc rises within 500 steps",
            ),
        ),
        columns=("diversity/ratio", "modes/effective"),
    )


@pytest.fixture
def failing(collapse: Finding) -> tuple[Run, Diagnosis]:
    """A collapsed run with two findings, something not assessed and a detector that crashed."""
    second = replace(
        collapse,
        code="sample-collapse",
        severity="warning",
        onset_step=ONSET + 20,
        last_step=2400,
        ongoing=False,
        summary="Samples of a batch are nearly equal.",
    )
    diagnosis = Diagnosis(
        verdict="failing",
        findings=(collapse, second),
        story=tell((collapse, second), {"spectral-collapse"}),
        not_applicable=(NotApplicable(code="critic-constraint", reason="this loss asks for no constraint"),),
        clean=("non-finite", "divergence"),
        not_assessed=(
            NotAssessed(code="memorisation", reason="no distances were recorded", how_to="log quality/nearest"),
        ),
        errors=(DetectorError(code="oscillation", message="ZeroDivisionError: division by zero"),),
        last_step=3000,
        last_healthy_step=ONSET - 1,
        provenance={"gandiag": "0.1.0", "thresholds": {"mode-collapse": {"share": 0.1}}},
    )
    run = synthetic.mode_collapse(at=ONSET)
    faults = [{"where": "probes.diversity", "message": "out of memory", "count": 3, "first_step": 1200}]
    meta = {**run.meta, "id": "dcgan-64", "hyperparameters": {"lr": 0.0002}, "faults": faults}
    meta["attribution"] = {"per generator step, D saw": "1 real, 2 generated"}
    events = ({"kind": "gap", "from_step": 100, "to_step": 2200, "reason": "recording fell behind"},)
    run = replace(run, meta=meta, events=events)
    return run, replace(diagnosis, missing=what_is_missing(run))


@pytest.fixture
def healthy() -> tuple[Run, Diagnosis]:
    """A healthy run without findings."""
    diagnosis = Diagnosis(verdict="healthy", clean=("non-finite", "divergence"), last_step=3000)
    return synthetic.healthy(), diagnosis


@pytest.fixture
def empty() -> tuple[Run, Diagnosis]:
    """A run that died before its first step."""
    scalars = pd.DataFrame(index=pd.Index([], dtype="int64", name="step"))
    return Run(scalars=scalars, meta={"id": "stillborn", "status": "running"}), Diagnosis(verdict="undecided")


@pytest.fixture
def nasty(collapse: Finding) -> tuple[Run, Diagnosis]:
    """A run and a diagnosis in which every name is markup of HTML, typst, TeX, Jinja and plotly at once."""
    run = synthetic.healthy(steps=60)
    names = (NASTY, "$odd$", "_private", "long" * 60, "%{y}<b>", "grad/generator/layer/<i>")
    frame = run.scalars.assign(**{name: np.linspace(0, 1, 60) for name in names})
    frame = frame.assign(all_nan=np.nan, all_infinite=np.inf)
    meta = {
        **run.meta,
        "id": NASTY,
        "status": "crashed",
        "reason": NASTY,
        "hyperparameters": {NASTY: [NASTY, None]},
    }
    evidence = (
        Evidence(signal=NASTY, value=float("nan"), threshold=0.5, unit=NASTY),
        Evidence(signal="long" * 60, value=float("inf"), threshold=float("inf")),
    )
    finding = replace(
        collapse,
        code="odd<b>$",
        onset_step=20,
        last_step=60,
        summary=NASTY,
        evidence=evidence,
        mechanism=NASTY,
        remedies=(replace(collapse.remedies[0], change=NASTY, code=NASTY, why=NASTY, evidence=NASTY),),
        columns=(*names, "not/recorded"),
    )
    missing = NotAssessed(code=NASTY, reason=NASTY, how_to=NASTY)
    diagnosis = Diagnosis(
        verdict="failing",
        findings=(finding,),
        clean=(NASTY,),
        not_assessed=(missing,),
        not_applicable=(NotApplicable(code=NASTY, reason=NASTY),),
        story=replace(tell((finding,)), sentence=NASTY),
        errors=(DetectorError(code=NASTY, message=NASTY),),
        last_step=60,
        provenance={NASTY: NASTY},
    )
    events = ({"kind": "warning", "message": NASTY},)
    return replace(run, scalars=frame, meta=meta, events=events), diagnosis


@pytest.fixture
def write_images(tmp_path: Path) -> Callable[[int], tuple[Sample, ...]]:
    """Writes PNG grids of noise, one every 100 steps."""
    from PIL import Image

    def write(amount: int) -> tuple[Sample, ...]:
        samples = []
        for step in range(100, 100 * amount + 1, 100):
            pixels = np.random.default_rng(step).integers(0, 255, (32, 32, 3), dtype=np.uint8)
            path = tmp_path / f"step-{step:09d}.png"
            Image.fromarray(pixels).save(path)
            samples.append(Sample(step, "image", str(path)))
        return tuple(samples)

    return write
