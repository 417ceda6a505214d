"""The one gate through which a run directory is read: bounded, typed, and without any exception but RunError."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest

import gandiag
from gandiag.rundir import parts
from gandiag.rundir.run import Run, RunError


def nth(folder, kind, number=1):
    """A part of the run."""
    return sorted((folder / kind).iterdir())[number]


def rewrite(folder, change, number=1):
    """Replace a part's table by what `change` makes of it."""
    file = nth(folder, "scalars", number)
    change(pd.read_parquet(file)).to_parquet(file, index=False)
    return file


def raw_npz(file, content, **names):
    """An .npz whose first array is these bytes."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("modes/histogram.npy", content)
    return file


def meta(folder, **changes):
    """Change run.json."""
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


def test_types_that_differ_between_parts_are_put_together(folder):
    """An int64 and a bool column beside doubles hold the same numbers; a null column holds none."""
    rewrite(folder, lambda t: t.assign(**{"loss/generator": 3, "loss/discriminator": True, "d/auc": None}))
    run = Run.open(folder)
    assert run.scalars.dtypes.unique().tolist() == [np.dtype("float64")]
    assert run.damage == ()
    assert run.scalars.loc[301:600, "loss/generator"].eq(3).all()
    assert run.scalars.loc[301:600, "d/auc"].isna().all()
    assert len(run.scalars) == 1200


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.assign(step=t["step"].astype(str)), "step is of type"),
        (lambda t: t.assign(time="noon"), "time of type"),
        (lambda t: t.assign(step=-t["step"]), "steps must lie between 0 and"),
        (lambda t: t.assign(step=2**62), "steps must lie between 0 and"),
        (lambda t: t.assign(step=t["step"].where(t["step"] != 400)), "step is of type"),
        (lambda t: t[["time", "step"]], "expected columns step and time first"),
    ],
)
def test_a_part_that_cannot_be_used_costs_its_rows_and_the_verdict(folder, change, said):
    """The rest is read; the file stands in `missing`, and the run is not called healthy."""
    assert gandiag.diagnose(Run.open(folder)).verdict == "healthy"
    name = rewrite(folder, change).name
    run = Run.open(folder)
    (sentence,) = run.damage
    assert sentence.startswith(f"scalars/{name}: ")
    assert said in sentence
    assert len(run.scalars) == 900
    diagnosis = gandiag.diagnose(run)
    assert (diagnosis.verdict, diagnosis.decided) == ("undecided", False)
    assert sentence in diagnosis.missing


def test_columns_that_hold_no_numbers_are_left_out(folder):
    """Text, bytes, lists and objects are named; the others of that part count."""
    rewrite(folder, lambda t: t.assign(**{"loss/generator": "text", "d/auc": [[1.0]] * len(t), "b": b"\xff"}))
    run = Run.open(folder)
    (sentence,) = run.damage
    assert "columns that hold no numbers" in sentence
    assert all(name in sentence for name in ("loss/generator", "d/auc", "b"))
    assert len(run.scalars) == 1200
    assert len(run.series("loss/generator")) == 900


def test_two_columns_of_one_name_are_damage(folder):
    """Nobody knows which one is meant."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = nth(folder, "scalars")
    table = pq.read_table(file)
    table = table.replace_schema_metadata(None).append_column("d/auc", pa.array(np.zeros(len(table))))
    pq.write_table(table, file)
    (sentence,) = Run.open(folder).damage
    assert "two columns have one name" in sentence


def test_a_part_that_another_program_wrote_is_told_of(healthy_run, tmp_path):
    """Where gandiag put a checksum into every part, one without it, or with another, is damage."""
    folder = shutil.copytree(healthy_run, tmp_path / "run")
    assert Run.open(folder).damage == ()
    name = rewrite(folder, lambda t: t.drop(columns="d/auc")).name
    (sentence,) = Run.open(folder).damage
    assert sentence == f"scalars/{name}: not a readable Parquet file: its columns are not those that gandiag wrote"
    file = nth(folder, "scalars", 2)
    file.write_bytes(file.read_bytes().replace(b"d/auc", b"d/auk"))
    assert len(Run.open(folder).damage) == 2


def test_a_part_of_a_recording_that_run_json_does_not_know_is_told_of(folder):
    """Rows of nobody knows when are not counted."""
    shutil.copy(nth(folder, "scalars"), folder / "scalars" / "rank0-s005-000000.parquet")
    run = Run.open(folder)
    assert run.damage == ("scalars/rank0-s005-000000.parquet: of a recording that run.json does not tell of",)
    assert len(run.scalars) == 1200


def test_a_run_none_of_whose_rows_can_be_read_is_refused(folder):
    """One sentence that names the first file."""
    for file in (folder / "scalars").iterdir():
        file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(RunError, match="not a readable Parquet file") as caught:
        Run.open(folder)
    assert str(nth(folder, "scalars", 0)) in str(caught.value)


def header(shape, kind="<f8"):
    """An .npy file that has nothing but its header."""
    sink = io.BytesIO()
    np.lib.format.write_array_header_1_0(sink, {"descr": kind, "fortran_order": False, "shape": shape})
    return sink.getvalue()


def flipped(content):
    """The same bytes but for some in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes(255 - b for b in content[middle : middle + 20]) + content[middle + 20 :]


def encrypted(content):
    """The same archive with the bits set that say it were encrypted."""
    out = bytearray(content)
    place = out.find(b"PK\x01\x02")
    while place >= 0:
        out[place + 8] |= 1
        place = out.find(b"PK\x01\x02", place + 1)
    return bytes(out)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: f.write_bytes(flipped(f.read_bytes())), "not a readable .npz"),
        (lambda f: f.write_bytes(b""), "not a readable .npz"),
        (lambda f: f.write_bytes(encrypted(f.read_bytes())), "is encrypted"),
        (lambda f: raw_npz(f, b""), "has no steps"),
        (lambda f: np.savez(f, **{"x:step": [1], "x": np.array(["a"])}), "for 1 steps"),
        (lambda f: np.savez(f, **{"x:step": [1], "x": np.zeros((2, 3))}), "for 1 steps"),
        (lambda f: np.savez(f, **{"x:step": [1.5], "x": np.zeros((1, 3))}), "steps must be whole numbers"),
        (lambda f: np.savez(f, **{"x:step": [1], "x": np.array([{}])}), "claims an array"),
        (lambda f: np.savez(f, **{"modes/histogram:step": [1], "modes/histogram": np.zeros((1, 3))}), "another shape"),
    ],
)
def test_damaged_arrays_are_survived(folder, damage, said):
    """Whatever is wrong with an .npz, it is one sentence that names the file."""
    file = nth(folder, "arrays")
    damage(file)
    run = Run.open(folder)
    (sentence,) = run.damage
    assert sentence.startswith(f"arrays/{file.name}: ")
    assert said in sentence
    assert len(run.arrays["modes/histogram"][0]) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (header((2**46,)), "claims"),
        (header((3, 5)), "claims 120 bytes"),
        (b"\x93NUMPY\x01\x00\xff\xff", "its header"),
        (b"\x93NUMPY\x01\x00\x08\x00(((((((\n", "its header"),
        (b"\x93NUMPY\x01\x00\x0c\x00{'shape': 3 \n", "its header"),
        (b"not numpy", "its header"),
    ],
)
def test_an_npy_header_is_not_believed(content, said):
    """A header of 768 TiB, a torn one, and one that is no Python."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("x.npy", content)
        archive.writestr("x:step.npy", content)
    with pytest.raises(gandiag.files.UnreadableError, match=said):
        parts.decode_arrays(sink.getvalue())


def test_zip_bombs_are_refused_before_they_are_expanded(folder):
    """256 MiB of zeros in 256 kB: named with what they would take."""
    file = nth(folder, "arrays")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as out:
        out.write(header((2**25,)))
        for _ in range(256):
            out.write(bytes(2**20))
    (sentence,) = Run.open(folder).damage
    assert "would expand to 268,435,584 bytes" in sentence


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes of names")
def test_a_pipe_is_not_waited_for(folder):
    """As a part it is damage; as run.json it is refused."""
    file = nth(folder, "scalars")
    file.unlink()
    os.mkfifo(file)
    (sentence,) = Run.open(folder).damage
    assert sentence.endswith("it is no regular file")
    (folder / "run.json").unlink()
    os.mkfifo(folder / "run.json")
    with pytest.raises(RunError, match=r"run\.json: cannot be read: it is no regular file"):
        Run.open(folder)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[1]", "it must be an object, found a list of 1"),
        ("no json", "column 1: Expecting value"),
        ('{"kind": 1}', "kind must be text, found 1"),
        ('{"kind": "gap", "from_step": 3}', "to_step is missing"),
        ('{"kind": "gap", "from_step": "3", "to_step": 4}', "from_step must be a whole number"),
        ('{"kind": "gap", "from_step": 5, "to_step": 4}', "from_step 5 lies after to_step 4"),
        ('{"kind": "thinned", "from_step": 1, "to_step": 1e400}', "to_step must be a whole number"),
        ('{"kind": "stop", "segment": 0}', "step is missing"),
        ('{"kind": "quality", "step": 3}', "measurements is missing"),
        ('{"kind": "quality", "step": 3, "measurements": [{"name": "fid"}]}', "measurements[0].value is missing"),
        ('{"kind": "warning", "step": ' + "9" * 5000 + "}", "step must be a whole number"),
        ('{"a": ' * 5000 + "1" + "}" * 5000, "nested more than 32 levels deep"),
    ],
)
def test_a_damaged_line_of_the_events_costs_that_line(folder, line, said):
    """It is named by its number; the others count."""
    events = folder / "events.jsonl"
    whole = len(Run.open(folder).events)
    before = events.read_text().splitlines()
    events.write_text("\n".join([before[0], line, *before[1:]]) + "\n")
    run = Run.open(folder)
    (sentence,) = run.damage
    assert sentence.startswith("events.jsonl: line 2: ")
    assert said in sentence
    assert len(run.events) == whole


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"segments": [{"index": 0, "start_step": 1, "world_size": "2"}]}, "segments[0].world_size"),
        ({"segments": [{"index": 0, "start_step": True}]}, "segments[0].start_step"),
        ({"segments": [{"index": 1, "start_step": 1}, {"index": 0, "start_step": 1}]}, "their index must ascend"),
        ({"modes": {"K": 10**9}}, "modes.K must be a whole number"),
        ({"modes": {"K": 3, "prior": [0.5, 0.5]}}, "K is 3 and prior has 2 shares"),
        ({"loss_family": "wgan"}, "loss_family must be an object"),
        ({"loss_family": {"name": {}}}, "loss_family.name must be text"),
        ({"faults": [{"count": "many"}]}, "faults[0].count"),
        ({"plan": {"rounds": {"outputs": "often"}}}, "plan.rounds"),
        ({"pid": 2**70}, "pid must be the number of a process"),
    ],
)
def test_each_field_of_run_json_has_a_type(folder, changes, said):
    """One sentence with the path within the file."""
    path = meta(folder, **changes)
    with pytest.raises(RunError) as caught:
        Run.open(folder)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_what_is_nested_deeply_or_too_long_is_refused(folder):
    """5,000 levels, integers of 5,000 digits, and a value of 100 kB that is not printed whole."""
    path = folder / "run.json"
    path.write_text('{"a": ' * 5000 + "1" + "}" * 5000)
    with pytest.raises(RunError, match="nested more than 32 levels deep"):
        Run.open(folder)
    path.write_text(json.dumps({"status": "x" * 100_000, "schema": "gandiag-run/1"}))
    with pytest.raises(RunError, match=r"status must be one of .*, found 100,000 letters") as caught:
        Run.open(folder)
    assert len(str(caught.value)) < 2500
    assert len(str(RunError("a\x1b" * 100_000))) < 10_000
    assert str(RunError("a\n\x1b[31m")) == r"a \x1b[31m"
