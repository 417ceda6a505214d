"""Corpora that can be read, and those that are refused with a sentence."""

from __future__ import annotations

import json

import pytest
from bench_corpora import row, write_manifest

from benchmarks.bench.corpus import Label, read_corpus
from gandiag.rundir.run import RunError


def make(folder, *entries):
    """A corpus whose runs are nothing but a run.json."""
    write_manifest(folder, list(entries))
    for entry in entries:
        (folder / "runs" / entry["name"]).mkdir(parents=True)
        (folder / "runs" / entry["name"] / "run.json").write_text("{}")
    return folder


def test_entries_are_read_with_their_labels(tmp_path):
    """Names, splits and labels are those of the manifest; the first onset of several failures is found."""
    entry = row("ring8-r1-s101", ("mode-collapse", 801), ("oscillation", 400), split="unseen")
    corpus = read_corpus(make(tmp_path, entry, row("ring8-r1-s102")))
    first, second = corpus.entries
    assert first.failures == (Label("mode-collapse", 801), Label("oscillation", 400))
    assert (first.split, first.status, second.status) == ("unseen", "failing", "healthy")
    assert first.onset(("mode-collapse", "oscillation")) == 400
    assert second.onset(("mode-collapse",)) is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"split": "test"}, "run 1: split must be one of tuning, evaluation, unseen, found 'test'"),
        ({"status": "bad"}, "status must be one of healthy, failing, partial, found 'bad'"),
        ({"steps": "2000"}, "steps must be of type int, found '2000'"),
        ({"seed": True}, "seed must be of type int, found True"),
        ({"name": "../elsewhere"}, "no name of a folder"),
        ({"status": "failing"}, "is failing and has 0 failures"),
        ({"failures": [{"code": "mode-collapse"}]}, "a failure needs a code and an onset_step"),
        ({"failures": ["mode-collapse"]}, "a failure needs a code and an onset_step"),
        ({"status": "failing", "failures": [{"code": "a", "onset_step": 2001}]}, "2001 lies outside of its 2000 steps"),
    ],
)
def test_a_damaged_entry_is_refused_by_its_place(tmp_path, changes, says):
    """The message names the manifest and what is wrong."""
    write_manifest(tmp_path, [{**row("a-s1"), **changes}])
    with pytest.raises(RunError, match=r"manifest\.json") as error:
        read_corpus(tmp_path)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "line 1, column 2"),
        ("[]", "expected the schema 'gandiag-corpus/1', found 'list'"),
        ('{"schema": "other/1"}', "found 'other/1'"),
        ('{"schema": "gandiag-corpus/1", "runs": []}', "lists no runs"),
        ('{"schema": "gandiag-corpus/1", "runs": [7]}', "run 1: expected an object, found int"),
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path, content, says):
    """With the place of the damage."""
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(RunError) as error:
        read_corpus(tmp_path)
    assert says in str(error.value)


def test_a_folder_without_a_manifest_is_no_corpus(tmp_path):
    """Nor is one that does not exist."""
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RunError, match="no corpus"):
            read_corpus(folder)


def test_a_run_that_is_not_there_is_named(tmp_path):
    """The manifest lists it, the folder lacks it."""
    write_manifest(tmp_path, [row("a-s1")])
    with pytest.raises(RunError, match="a-s1: the manifest lists this run, but no run is there"):
        read_corpus(tmp_path)


def test_a_run_listed_twice_is_refused(tmp_path):
    """It would count twice."""
    write_manifest(tmp_path, [row("a-s1"), row("a-s1")])
    with pytest.raises(RunError, match="'a-s1' more than once"):
        read_corpus(tmp_path)


def test_a_label_that_contradicts_the_manifest_is_refused(tmp_path):
    """The label beside a run was written before any detector saw it."""
    make(tmp_path, row("a-s1"))
    label = {"status": "failing", "failures": [{"code": "mode-collapse", "onset_step": 3}]}
    (tmp_path / "runs" / "a-s1" / "label.json").write_text(json.dumps(label))
    with pytest.raises(RunError, match="contradicts what the manifest says of a-s1"):
        read_corpus(tmp_path)
