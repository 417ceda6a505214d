"""From findings to what led to what."""

from __future__ import annotations

from graphlib import TopologicalSorter

import pytest

from gandiag import synthetic
from gandiag.findings import SEVERAL, Finding, Story
from gandiag.judge.diagnose import diagnose
from gandiag.judge.mechanisms import MECHANISMS
from gandiag.judge.story import tell

CODES = {
    *("not-learning", "same-direction", "shared-update", "input-mismatch", "repeated-latents", "double-sigmoid"),
    *("mode-switch", "label-mismatch", "stale-copy", "penalty-error"),
    *("learning-rates", "update-ratio"),
    *("non-finite", "exploding-gradients", "vanishing-gradients", "dead-layer", "critic-constraint"),
    *("discriminator-dominance", "discriminator-too-weak", "discriminator-overfitting", "memorisation"),
    *("mode-collapse", "sample-collapse", "class-collapse", "mode-hopping", "spectral-collapse"),
    *("oscillation", "divergence", "stagnation", "quality-regression"),
}


def spell(code, onset, last=10_000, severity="failure", ongoing=True):
    return Finding(
        code=code,
        severity=severity,
        onset_step=onset,
        last_step=last,
        ongoing=ongoing,
        summary="",
        evidence=(),
        mechanism="",
        remedies=(),
        columns=(),
    )


def passed(code, onset, last, severity="warning"):
    return spell(code, onset, last, severity, ongoing=False)


def linked(story, findings):
    return [(findings[link.cause].code, findings[link.effect].code) for link in story.links]


def test_a_chain_has_one_root():
    """Dominance, vanishing gradients and stagnation, one after the other: the first began it."""
    findings = [
        spell("discriminator-dominance", 310, severity="warning"),
        spell("vanishing-gradients", 340),
        spell("stagnation", 900),
    ]
    story = tell(findings)
    assert story.root == "discriminator-dominance"
    assert story.line == "discriminator-dominance (step 310) -> vanishing-gradients (340) -> stagnation (900)"
    assert story.chains == ((0, 1, 2),)
    assert linked(story, findings) == [
        ("discriminator-dominance", "vanishing-gradients"),
        ("vanishing-gradients", "stagnation"),
    ]
    assert "hardly any gradient reaches G" in story.sentence
    assert all(link.source for link in story.links)


def test_a_chain_that_forks_is_told_in_two():
    """The second chain begins where the first one forks."""
    findings = [spell("discriminator-too-weak", 500), spell("mode-collapse", 1000), spell("mode-hopping", 2000)]
    findings += [spell("quality-regression", 3000)]
    story = tell(findings)
    assert story.root == "discriminator-too-weak"
    assert story.chains == ((0, 1, 2), (1, 3))
    assert story.line == (
        "discriminator-too-weak (step 500) -> mode-collapse (1,000) -> mode-hopping (2,000); "
        "mode-collapse (step 1,000) -> quality-regression (3,000)"
    )


def test_unrelated_findings_leave_it_undecided():
    """No mechanism leads from the one to the other, so neither is called the root."""
    story = tell([spell("oscillation", 500), spell("memorisation", 3000)])
    assert story.root == SEVERAL == "several, undecided"
    assert story.line == "oscillation (step 500); memorisation (step 3,000)"
    assert "oscillation from step 500 and memorisation from step 3,000" in story.sentence
    assert story.links == ()


def test_without_findings_there_is_no_story():
    """Nothing found, or nothing but remarks."""
    assert tell([]) == tell([spell("stagnation", 100, severity="info")]) == Story()
    assert Story().root is None


def test_one_finding_stands_alone():
    """It is its own root, and its causes that nobody could look for are named."""
    story = tell([spell("vanishing-gradients", 400)], {"discriminator-dominance", "memorisation"})
    assert story.root == "vanishing-gradients"
    assert "is the only problem found" in story.sentence
    assert "Not checked, and possibly the real cause: discriminator-dominance." in story.sentence
    assert "possibly the real cause" not in tell([spell("vanishing-gradients", 400)], {"memorisation"}).sentence
    found_in_the_loop = tell([spell("learning-rates", 400)], {"label-mismatch", "not-learning"})
    assert "possibly the real cause" not in found_in_the_loop.sentence
    assert "label-mismatch" not in tell([spell("mode-collapse", 400)], {"label-mismatch"}).sentence


@pytest.mark.parametrize(
    ("onset", "cause_onset", "holds"),
    [(1000, 1000, True), (1000, 1100, True), (1000, 1101, False), (10_000, 10_500, True), (10_000, 10_501, False)],
)
def test_a_cause_comes_first_within_what_onsets_resolve(onset, cause_onset, holds):
    """A hundred steps, or one in twenty late in a run, and not a step more."""
    effect = spell("vanishing-gradients", onset, 20_000)
    cause = spell("discriminator-dominance", cause_onset, 20_000)
    story = tell(sorted([effect, cause], key=lambda f: f.onset_step))
    assert (story.root == "discriminator-dominance") is holds
    assert (story.root == SEVERAL) is not holds
    assert ("too close together to tell" in story.sentence) is (holds and cause_onset > onset)


@pytest.mark.parametrize(("last", "onset", "holds"), [(999, 1400, True), (999, 1501, False), (505, 604, True)])
def test_a_cause_explains_nothing_long_after_its_end(last, onset, holds):
    """Its after-effects may last as long as it did (500 steps here), or as long as onsets cannot resolve."""
    findings = [passed("exploding-gradients", 500, last, "failure"), spell("mode-collapse", onset)]
    assert (tell(findings).root == "exploding-gradients") is holds


def test_swapped_onsets_do_not_turn_a_mechanism_round():
    """Stagnation does not make gradients vanish."""
    assert tell([spell("stagnation", 300), spell("vanishing-gradients", 2000)]).root == SEVERAL


@pytest.mark.parametrize("codes", [("mode-collapse", "sample-collapse"), ("sample-collapse", "mode-collapse")])
def test_two_views_of_a_collapse_are_one_story(codes):
    """Whichever saw it first began it; at the same step, whichever stands first."""
    assert tell([spell(codes[0], 1000), spell(codes[1], 1020)]).root == codes[0]
    assert tell([spell(codes[0], 1000), spell(codes[1], 1000)]).root == codes[0]


def test_spells_of_one_failure_close_together_are_one():
    """Both networks exploding at once have one root; a failure that came back long after has two beginnings."""
    both = [spell("exploding-gradients", 1500), spell("exploding-gradients", 1500), spell("non-finite", 1510)]
    story = tell(both)
    assert (story.root, story.chains) == ("exploding-gradients", ((0, 2),))
    again = [passed("exploding-gradients", 500, 510, "failure"), spell("exploding-gradients", 5000)]
    assert tell(again).root == SEVERAL


def test_a_warning_that_passed_is_told_only_if_linked():
    """It is no rival to the failure at hand, but it may be its cause or its effect."""
    failure = spell("mode-collapse", 3000)
    assert tell([passed("oscillation", 300, 600), failure]).root == "mode-collapse"
    weak = passed("discriminator-too-weak", 1500, 2900)
    assert tell([weak, failure]).root == "discriminator-too-weak"
    assert tell([failure, passed("mode-hopping", 3500, 4000)]).chains == ((0, 1),)
    alone = [passed("oscillation", 300, 600)]
    assert tell(alone).root == "oscillation"


def test_mechanisms_name_failures_and_never_go_in_circles():
    """Apart from the collapses, which see one thing; each has a sentence and a source, and stands there once."""
    pairs = [(m.cause, m.effect) for m in MECHANISMS]
    assert len(set(pairs)) == len(pairs)
    assert {code for pair in pairs for code in pair} <= CODES
    assert all(m.sentence.endswith(".") and m.source for m in MECHANISMS)
    collapses = {"mode-collapse", "sample-collapse", "class-collapse"}
    graph: dict[str, set[str]] = {}
    for cause, effect in pairs:
        a, b = ("collapse" if code in collapses else code for code in (cause, effect))
        if a != b:
            graph.setdefault(b, set()).add(a)
    assert len(list(TopologicalSorter(graph).static_order())) >= 10


def test_a_diagnosis_tells_the_story_of_its_run():
    """Vanishing gradients under a D that wins: the root is D's dominance, though its onset is dated later."""
    diagnosis = diagnose(synthetic.vanishing_gradients())
    assert diagnosis.story.root == "discriminator-dominance"
    assert [f.code for f in diagnosis.findings] == ["vanishing-gradients", "discriminator-dominance"]
    assert diagnose(synthetic.healthy()).story == Story()
