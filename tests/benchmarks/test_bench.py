"""The whole bench on a small corpus of synthetic runs: files in, tables out."""

from __future__ import annotations

import io
import json

import pytest
from bench_corpora import row, write_corpus
from rich.console import Console

from benchmarks.bench import HELD_OUT, judged, print_bench, run_bench, summary_table, to_markdown
from benchmarks.bench.bench import OTHERS, judges, scored, write_tables
from benchmarks.bench.corpus import Entry, Label
from benchmarks.bench.judged import Alarm, Judged
from benchmarks.bench.shares import Share
from gandiag import synthetic
from gandiag.rundir.run import RunError

STEPS = 2000


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Six healthy and five failing runs held out, a partial one, and one of each kind for tuning."""
    runs = [(row(f"healthy-s{seed}"), synthetic.healthy(seed, STEPS)) for seed in range(5)]
    runs.append((row("mislabelled-s9"), synthetic.mode_collapse(1000, 9, STEPS)))
    runs += [
        (row(f"collapse-s{seed}", ("mode-collapse", 1000)), synthetic.mode_collapse(1000, seed, STEPS))
        for seed in (1, 2)
    ]
    runs += [
        (row("hidden-s1", ("mode-collapse", 1000), data="grid25", split="unseen"), synthetic.healthy(21, STEPS)),
        (row("vanish-s1", ("vanishing-gradients", 1000)), synthetic.vanishing_gradients(1000, 1, STEPS)),
        (row("dead-s1", ("buried-layer", 1000)), synthetic.healthy(22, STEPS)),
        (row("part-s1", ("mode-collapse", 1000), status="partial"), synthetic.mode_collapse(1000, 3, STEPS, left=7)),
        (row("healthy-s30", split="tuning"), synthetic.healthy(30, STEPS)),
        (row("collapse-s30", ("mode-collapse", 1000), split="tuning"), synthetic.mode_collapse(1000, 30, STEPS)),
    ]
    return write_corpus(tmp_path_factory.mktemp("corpus"), runs)


@pytest.fixture(scope="module")
def bench(corpus):
    return run_bench(corpus)


def test_counts_are_those_of_the_corpus(bench):
    """Two of three collapses are found, one healthy run of six is alarmed on: it was labelled wrongly."""
    score = bench.score("mode-collapse")
    assert bench.parts[HELD_OUT].runs == {"healthy": 6, "failing": 5, "partial": 1}
    assert (score.found, score.false_alarms, score.precision) == (Share(2, 3), Share(1, 6), Share(2, 3))
    assert (score.missed, score.false_alarmed) == (("hidden-s1",), ("mislabelled-s9",))
    assert all(0 <= delay <= 0.05 * STEPS for delay in score.delays.steps)
    assert bench.score("mode-collapse", "unseen").found == Share(0, 1)
    assert bench.score("mode-collapse", "tuning").found == Share(1, 1)
    assert bench.score("vanishing-gradients").found == Share(1, 1)
    assert bench.no_detector == ("buried-layer",)


def test_rules_without_their_gradients_are_not_passed_as_clean(bench):
    """These runs have no log of gradients: nothing is said of healthy runs."""
    score = bench.score("VanishingGradient")
    assert score.judged_none
    assert score.false_alarms.n == 0
    assert bench.score("LossNotDecreasing").false_alarms == Share(6, 6)


def test_tables_fit_100_columns(bench):
    """No line is longer and nothing is cut short."""
    text = io.StringIO()
    print_bench(bench, Console(file=text, width=100))
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert "…" not in text.getvalue()
    assert any(line.split()[:2] == ["mode-collapse", "2/3"] for line in lines)
    assert " mode-collapse missed (1): hidden-s1" in lines
    assert " buried-layer: no detector (1 run)" in lines


def test_tables_of_a_large_corpus_fit_100_columns():
    """Hundreds of runs, each wrong in every way, and delays of thousands of steps."""
    alarms = {w.name: (Alarm("failure", 1, 2000),) for w in judges()}
    common = {"configuration": "ring8", "data": "ring8", "loss": "wgan", "seed": 1, "steps": 2000}
    runs = []
    for i in range(600):
        labels = tuple(Label(code, 1900) for w in judges() for code in w.claims) if i % 2 else ()
        split, status = ("unseen", "evaluation", "tuning")[i % 3], "failing" if labels else "healthy"
        entry = Entry(name=f"ring8-s{i}", split=split, status=status, failures=labels, **common)
        runs.append(Judged(entry=entry, verdict="failing", alarms=alarms, not_assessed=frozenset()))
    text = io.StringIO()
    print_bench(scored("corpora/large", runs), Console(file=text, width=100))
    assert "…" not in text.getvalue()
    assert max(map(len, text.getvalue().splitlines())) <= 100
    assert "200/200 98–100 200 200/200 98–100 200   50 200/400 −1,899/−1,899   200" in text.getvalue()


def test_the_summary_has_a_row_for_each_detector_and_baseline(bench):
    """With counts, intervals and delays; failures that nothing looks for are said to be so."""
    lines = summary_table(bench).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    rows = {cells[1].strip(): [c.strip() for c in cells[2:5]] for cells in (line.split("|") for line in lines)}
    found, false, _ = rows["`mode-collapse`"]
    assert (found, false) == ("2 of 3 (21–94 %)", "1 of 6 (3.0–56 %)")
    assert rows["`exploding-gradients`"] == ["no such run", "0 of 6 (≤ 39 %)", "–"]
    assert rows["`buried-layer`"][0] == "no detector (1 run)"
    assert rows["SageMaker: VanishingGradient"][0] == "not recorded"
    assert rows["SageMaker: LossNotDecreasing"][1] == "6 of 6 (61–100 %)"


def test_markdown_holds_every_part_and_the_runs_by_name(bench):
    """Tuning runs stand apart from those held out."""
    text = to_markdown(bench)
    for name in (HELD_OUT, "tuning", "evaluation", "unseen"):
        assert f"## Details: {name}\n" in text
    assert "- `mode-collapse` missed: hidden-s1\n" in text
    assert summary_table(bench) in text


def test_json_is_strict(bench):
    """No NaN: what is unknown is null."""
    content = json.loads(json.dumps(bench.to_dict(), allow_nan=False))
    scores = {s["name"]: s for s in content["parts"][HELD_OUT]["scores"]}
    assert scores["mode-collapse"]["found"]["hits"] == 2
    assert scores["divergence"]["found"] == {"hits": 0, "n": 0, "share": None, "low": 0.0, "high": 1.0}
    assert scores["divergence"]["delays"]["median_steps"] is None


def test_two_processes_find_what_one_does(corpus, bench, tmp_path, monkeypatch):
    """And the tables go to a file."""
    monkeypatch.setattr(judged, "RUNS_PER_PROCESS", 1)
    again = run_bench(corpus, markdown=tmp_path / "bench.md", processes=2)
    assert again.to_dict() == bench.to_dict()
    assert (tmp_path / "bench.md").read_text("utf-8") == to_markdown(bench)


def test_a_damaged_run_ends_the_bench_with_its_name(tmp_path):
    """Rather than with figures that leave it out."""
    write_corpus(tmp_path, [(row("healthy-s1"), synthetic.healthy(1, 300))])
    part = next((tmp_path / "runs" / "healthy-s1" / "scalars").iterdir())
    part.write_bytes(b"damaged")
    with pytest.raises(RunError, match="healthy-s1"):
        run_bench(tmp_path)


def test_a_place_that_cannot_be_written_is_named(corpus, tmp_path, monkeypatch):
    """A Markdown file in a folder that is not there: said before anything is judged."""
    monkeypatch.setattr(judged, "judge", None)
    with pytest.raises(RunError, match="nowhere"):
        run_bench(corpus, markdown=tmp_path / "nowhere" / "bench.md")


def test_nothing_is_printed(tmp_path, capsys):
    """Without a terminal there is no progress bar either."""
    run_bench(write_corpus(tmp_path, [(row("healthy-s1"), synthetic.healthy(1, 300))]))
    assert capsys.readouterr() == ("", "")


def test_what_other_commands_wrote_on_the_page_stays(tmp_path):
    """Below their mark; a page without it is the tables alone."""
    page = tmp_path / "bench.md"
    page.write_text(f"old\n\n{OTHERS}\n\ntheirs\n")
    write_tables(page, "new\n")
    assert page.read_text() == f"new\n\n{OTHERS}\n\ntheirs\n"
    page.write_text("old\n")
    write_tables(page, "new\n")
    assert page.read_text() == "new\n"
