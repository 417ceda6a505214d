"""The gate as a pytest fixture: a test fails when a checkpoint has collapsed.

>>> def test_generator(gan_check):  # doctest: +SKIP
...     gan_check("ckpt.pt", generator=build, reference="data/test")

Installed with gandiag; nothing is imported before a test asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gandiag.gate.results import CheckResult, TargetResult


@pytest.fixture
def gan_check() -> Callable[..., CheckResult]:
    """What takes the arguments of `gandiag.check` and fails the test unless all targets pass.

    The failure prints what was found: the rules, their evidence, why it happens and what to try. A check that could
    not be decided, or a target that cannot be read, fails, too. The result is returned.
    """

    def check(targets: Any, **options: Any) -> CheckResult:
        __tracebackhide__ = True
        from gandiag.gate.check import check as judge

        try:
            found = judge(targets, **options)
        except ValueError as error:
            pytest.fail(f"gandiag: {error}", pytrace=False)
        if not found:
            pytest.fail("\n".join(_lines(found)), pytrace=False)
        return found

    return check


def _lines(found: CheckResult) -> Iterator[str]:
    for target in found.targets:
        if target.exit_code:
            yield from _of_target(target)
    yield from (series.sentence for series in found.series)


def _of_target(target: TargetResult) -> Iterator[str]:
    yield f"gandiag check {target.verdict}: {target.target}"
    yield from (f"  {reason}" for reason in target.reasons)
    for finding in target.findings:
        if finding.severity != "failure":
            continue
        yield f"  {finding.title}: {finding.summary}"
        yield from (f"    evidence: {evidence}" for evidence in finding.evidence)
        yield f"    {finding.mechanism}"
        yield from (f"    try: {remedy.change}" for remedy in finding.remedies)
