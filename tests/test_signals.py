"""Names of signals, and how values of one signal become one: of networks, of ranks, of neighbouring steps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gandiag.judge.live import History
from gandiag.measure.reductions import output_signals, reduce_block
from gandiag.reports.chart_groups import group_of
from gandiag.rundir.ranks import merge_rows
from gandiag.rundir.recorder import Recorder
from gandiag.rundir.run import Run
from gandiag.rundir.thinning import merge_pairs
from gandiag.signals import SIGNALS, describe
from gandiag.signals.names import Name, parse, placeholder

WORDS = st.sampled_from(["d", "points", "grad", "generator", "discriminator.b", "d.a", "x", "1", ".", "", "layer"])


@given(st.one_of(st.text(), st.lists(WORDS, min_size=1, max_size=4).map("/".join)))
@example("d/")
@example("d./auc")
@example("grad/generator.a2b/")
def test_every_name_is_parsed_and_written_as_it_was(name: str) -> None:
    """What the loop logs may have any name."""
    assert str(parse(name)) == name


@pytest.mark.parametrize("signal", [s.name for s in SIGNALS if "<" not in s.name or "<net>" in s.name])
def test_a_name_of_the_table_is_of_no_network(signal: str) -> None:
    """The bases are what the table holds."""
    name = parse(signal.replace("<net>", "generator").replace("<layer>", "main.0"))
    assert name == name.base
    assert name.role in ("", "generator")


def test_a_signal_of_one_network_is_described_as_that_of_all() -> None:
    """Only its meaning names the network; of what the table does not hold, none is made up."""
    for name, base in [
        ("d.patch/real/min", "d/real/min"),
        ("grad/generator.a2b/norm", "grad/generator/norm"),
        ("weights/discriminator.patch/sigma_max", "weights/discriminator/sigma_max"),
    ]:
        own, common = describe(name), describe(base)
        assert (own.unit, own.worse, own.merge) == (common.unit, common.worse, common.merge)
        assert own.meaning == f"{parse(name).network}: {common.meaning}"
        assert group_of(name) == group_of(base) is not None
    assert describe("loss.aux/generator").meaning == "logged by the loop"


def test_placeholders_are_read_off_a_name() -> None:
    """The last one; a name for which the pattern does not stand is refused."""
    assert placeholder("modes/share/<class>", "modes/share/12") == "12"
    assert placeholder("grad/<net>/layer/<layer>", "grad/discriminator/layer/a/b.0") == "a/b.0"
    with pytest.raises(ValueError, match="d/auc is no modes/share/<class>"):
        placeholder("modes/share/<class>", "d/auc")


def test_extremes_merge_as_extremes() -> None:
    """Every entry that is called a minimum or a maximum."""
    extremes = {s.name: s.merge for s in SIGNALS if s.name.endswith(("/min", "/max"))}
    assert len(extremes) == 8
    assert all(name.endswith(merge) for name, merge in extremes.items())


SEEN = {
    "d/real/min": [0.0, -9.0, 0.0, np.nan],
    "d.patch/fake/max": [0.0, 9.0, 0.0, 1.0],
    "range/fake/max": [np.nan, 3.0, 1.0, 2.0],
    "nonfinite": [0.0, 0.0, 2.0, 0.0],
    "grad/generator/nonfinite": [0.0, 3.0, np.nan, np.nan],
    "skipped/generator": [0.0, 0.0, 0.0, 1.0],
    "samples/real": [64.0, 64.0, 64.0, 32.0],
    "d/real/mean": [1.0, 2.0, 3.0, np.nan],
    "loss/generator": [1.0, np.inf, 3.0, 5.0],
}
KEPT = {
    "d/real/min": (-9.0, 0.0),
    "d.patch/fake/max": (9.0, 1.0),
    "range/fake/max": (3.0, 2.0),
    "nonfinite": (0.0, 2.0),
    "grad/generator/nonfinite": (3.0, np.nan),
    "skipped/generator": (0.0, 1.0),
    "samples/real": (64.0, 64.0),
    "d/real/mean": (1.5, 3.0),
    "loss/generator": (np.inf, 4.0),
}


def test_what_was_seen_once_survives_thinning_while_it_trains() -> None:
    """A NaN count, a minimum, a maximum of a single step among 16,000, and that a count is of one step."""
    history, size = History(max_rows=1000), 16_000
    columns = {name: np.tile(values[:1], size) for name, values in SEEN.items() if not np.isnan(values[0])}
    for name, value in (("d/real/min", -9.0), ("d.patch/fake/max", 9.0), ("nonfinite", 2.0), ("samples/real", 65.0)):
        columns[name][size // 3] = value
    for start in range(0, size, 500):
        history.append(np.arange(start, start + 500) + 1, {n: v[start : start + 500] for n, v in columns.items()})
    scalars = history.run({}).scalars
    assert len(scalars) <= 1000
    assert scalars["d/real/min"].min() == -9
    assert scalars["d.patch/fake/max"].max() == 9
    assert scalars["nonfinite"].max() == scalars["nonfinite"].sum() == 2
    assert sorted(set(scalars["samples/real"])) == [64, 65]


def test_what_was_seen_once_survives_thinning_on_disk(tmp_path) -> None:
    """In a run that max_bytes has thinned."""
    recorder = Recorder(tmp_path / "run", max_bytes=300_000)
    rng = np.random.default_rng(0)
    for start in range(1, 40_001, 1000):
        steps = np.arange(start, start + 1000)
        bad = (steps == 3333).astype(float)
        columns = {"d/fake/min": -9 * bad, "grad/generator/nonfinite": bad, "nonfinite": 2 * bad}
        recorder.append(steps, steps.astype(float), columns | {"x": rng.normal(size=1000)})
        recorder.flush()
        recorder.storage.tidy()
    recorder.close()
    run = Run.open(tmp_path / "run")
    (row,) = np.flatnonzero(run.scalars["nonfinite"])
    steps = run.scalars.index
    assert steps[row - 1] + 1 < steps[row], "it was thinned here"
    assert steps[row - 1] < 3333 <= steps[row]
    assert run.scalars.iloc[row][list(columns)].tolist() == [-9, 1, 2]


def test_neighbouring_rows_merge_as_the_table_says() -> None:
    """Of a value and one that was not recorded, the value."""
    rows = {"step": np.arange(1, 5)} | {name: np.array(values) for name, values in SEEN.items()}
    merged = merge_pairs(rows, np.array([True, True]))
    assert merged.pop("step").tolist() == [2, 4]
    for name, values in merged.items():
        np.testing.assert_equal(values, KEPT[name], err_msg=name)


def test_ranges_of_ranks_and_of_networks_are_those_of_all() -> None:
    """The smallest and largest of what any rank, or any of several D, was given."""
    index = pd.Index([1, 2], name="step")
    frames = {
        rank: pd.DataFrame(
            {"time": 0.0, "range/real/min": [-1.0 * rank, np.nan], "range.patch/fake/max": [1.0 * rank, 7.0]}, index
        )
        for rank in range(3)
    }
    merged = merge_rows(frames, {})
    assert merged["range/real/min"].iloc[0] == -2
    assert merged["range.patch/fake/max"].tolist() == [2, 7]
    outputs = {own: np.array([[0.0, 1.0 + place, 5.0 * place]]) for place, own in enumerate(("a", "b"))}
    raw = {str(Name("d", own, "real")): values for own, values in outputs.items()}
    signals = reduce_block(raw, {})
    each = [output_signals("real", values) for values in outputs.values()]
    for name, how in (("min", np.min), ("max", np.max), ("mean", np.mean), ("std", np.mean), ("positive", np.mean)):
        assert signals[f"d/real/{name}"] == pytest.approx(how([found[f"d/real/{name}"] for found in each], axis=0))
        assert signals[f"d.b/real/{name}"] == each[1][f"d/real/{name}"]
