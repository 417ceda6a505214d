"""How often collapse is found where nobody has labels: the corpus judged again, without what `modes=` records.

python -m benchmarks.without_labels CORPUS
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace

from benchmarks.bench.corpus import Corpus, Entry, read_corpus
from gandiag.detectors import DETECTORS
from gandiag.judge.diagnose import diagnose
from gandiag.judge.policy import Policy
from gandiag.rundir.run import Run

COLLAPSE = ("mode-collapse", "sample-collapse")
NOTHING = "not assessed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus")
    corpus = read_corpus(parser.parse_args().corpus)
    kept = [e for e in corpus.entries if e.split != "tuning" and e.status != "partial"]
    judged = {entry: onsets(corpus, entry) for entry in kept}
    lost = {e: onset for e in kept if (onset := e.onset(COLLAPSE[:1])) is not None}
    for codes in (COLLAPSE[:1], COLLAPSE):
        firsts = {
            e: min((at for code, at in seen.items() if code in codes), default=None) for e, seen in judged.items()
        }
        found = {e: first for e in lost if (first := firsts[e]) is not None}
        healthy = [firsts[e] for e in kept if e.status == "healthy" and NOTHING not in judged[e]]
        false = sum(first is not None for first in healthy)
        delay = statistics.median(onset - lost[e] for e, onset in found.items())
        missed = ", ".join(e.name for e in lost if e not in found) or "none"
        print(f"{' or '.join(codes)}: found in {len(found)} of {len(lost)} runs that lost modes (missed: {missed}),")
        print(f"  median delay {delay:+.0f} steps, false alarms in {false} of {len(healthy)} healthy runs")


def onsets(corpus: Corpus, entry: Entry) -> dict[str, int]:
    """The first onset of each collapse at failure severity; `NOTHING` where none could be looked for."""
    run = Run.open(corpus.run_dir(entry))
    labelled = [name for name in run.scalars if str(name).startswith("modes/")]
    run = replace(run, scalars=run.scalars.drop(columns=labelled))
    diagnosis = diagnose(run, [d for d in DETECTORS if d.code in COLLAPSE], policy=Policy())
    found = {f.code: f.onset_step for f in reversed(diagnosis.findings) if f.severity == "failure"}
    return found | ({NOTHING: 0} if len(diagnosis.not_assessed) == len(COLLAPSE) else {})


if __name__ == "__main__":
    main()
