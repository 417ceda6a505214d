"""Which settings separate failing from healthy runs: a small decision tree, and how well it does on runs left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.reports.text import count, number
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from gandiag.compare.rows import Row

FOLDS = 5
LEAST = 5  # failing and healthy runs each: one in every fold
DEPTH = 3
SHUFFLES = 199  # of the verdicts: the least p-value is 1 / 200
REPEATS = 10  # of the shuffling of one setting within a fold
CHANCE = 0.05  # p-value from which on a tree does no better than chance
MOST_LEVELS = 12  # of a setting of texts
MOST_SETTINGS = 60
SLIGHT = 0.02  # of the score: what falls by less tells nothing
RARE = 0.5  # of the runs lack a setting: it is left out


@dataclass(frozen=True)
class Influence:
    """How much the score on left-out runs falls when a setting is shuffled, mean and spread over folds and repeats."""

    setting: str
    fall: float
    spread: float


@dataclass(frozen=True)
class Separation:
    """What can be said of settings, in `sentence`; the rest only where something can.

    `score` is the balanced accuracy on runs left out, 0.5 is guessing and 1 always right, `spread` its standard
    deviation over folds; `p_value` is the share of trees on shuffled verdicts that do as well.
    """

    sentence: str
    score: float | None = None
    spread: float | None = None
    p_value: float | None = None
    influences: tuple[Influence, ...] = ()
    rules: tuple[str, ...] = ()


def separate(rows: Sequence[Row]) -> Separation:
    """Look for settings in which failing and healthy runs differ; suspect and undecided ones are left out.

    Method: Breiman et al., Classification and Regression Trees, 1984; Ojala and Garriga, Permutation Tests for
    Studying Classifier Performance, JMLR 2010, for the p-value; Breiman, Random Forests, 2001, for shuffling settings.
    """
    judged = [row for row in rows if row.verdict in ("failing", "healthy")]
    failing = np.array([row.verdict == "failing" for row in judged], dtype=bool)
    few = min(int(failing.sum()), int((~failing).sum()))
    if few < LEAST:
        told = f"{failing.sum():,} failing and {count(int((~failing).sum()), 'healthy run')}"
        return Separation(f"Too few runs to say which settings matter: {told}, and {LEAST} of each are needed.")
    table = _table(judged)
    if table.empty:
        return Separation("The runs' recorded settings do not differ, so they cannot tell failing from healthy runs.")
    return _separated(table, failing)


def _table(rows: Sequence[Row]) -> pd.DataFrame:
    """Settings that differ between runs: numbers with NaN, or texts; of those varied together the first, named so."""
    import pandas as pd

    frame = pd.DataFrame([dict(row.settings) for row in rows], dtype=object)
    kept: dict[str, pd.Series] = {}
    partners: dict[str, list[str]] = {}
    for name in list(frame)[: 10 * MOST_SETTINGS]:
        values = frame[name]
        if values.isna().mean() > RARE or values.nunique() + int(values.isna().any()) < 2:
            continue
        if all(isinstance(v, float) for v in values.dropna()):
            column = values.astype("float64").replace([np.inf, -np.inf], np.nan)
        else:
            column = values.map(lambda v: "none" if v is None or v != v else str(v))  # noqa: PLR0124 - NaN
            if not 1 < column.nunique() <= MOST_LEVELS:
                continue
        twin = next((other for other, values in kept.items() if _same(column, values)), None)
        if twin is None:
            kept[str(name)] = column
        else:
            partners.setdefault(twin, []).append(str(name))
    names = {
        name: f"{name} (goes with {listed(partners[name], most=2)})" if name in partners else name for name in kept
    }
    return pd.DataFrame(kept).iloc[:, :MOST_SETTINGS].rename(columns=names)


def _same(one: pd.Series, other: pd.Series) -> bool:
    """Whether two settings were varied together, so that one tells all that the other does."""
    import pandas as pd

    if one.dtype == other.dtype == "float64":
        ranks, others = one.rank(method="dense"), other.rank(method="dense")
        return bool(ranks.equals(others) or ranks.equals(others.max() + 1 - others))
    first, second = (pd.factorize(values)[0] for values in (one, other))
    return bool((first == second).all()) and int(first.max()) < len(first) // 2


def _separated(table: pd.DataFrame, failing: np.ndarray) -> Separation:
    from sklearn.model_selection import StratifiedKFold
    from sklearn.tree import DecisionTreeClassifier

    columns, names = _encoded(table)
    tree = DecisionTreeClassifier(
        max_depth=DEPTH, min_samples_leaf=max(2, len(table) // 25), class_weight="balanced", random_state=0
    )
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    scores: list[float] = []
    falls: list[list[np.ndarray]] = []
    for train, test in folds.split(columns, failing):
        tree.fit(columns[train], failing[train])
        scores.append(_balanced(tree.predict(columns[test]), failing[test]))
        falls.append([scores[-1] - _without(tree, columns[test], failing[test], names, name) for name in table])
    p_value = _p_value(tree, folds, columns, failing, float(np.mean(scores)))
    score, spread = float(np.mean(scores)), float(np.std(scores))
    every = np.concatenate(falls, axis=1)  # settings by folds and repeats
    influences = [Influence(str(n), float(f.mean()), float(f.std())) for n, f in zip(table, every, strict=True)]
    told = tuple(sorted((i for i in influences if i.fall > SLIGHT), key=lambda influence: -influence.fall))
    right = f"gets {100 * score:.0f} % right, guessing gets 50 % (p = {p_value:.2g})"
    if p_value > CHANCE or not told:
        sentence = (
            "No setting separates failing from healthy runs better than chance does. "
            f"Of runs that it has not seen, a rule made of {listed(map(str, table), most=5)} {right}."
        )
        return Separation(sentence, score, spread, p_value)
    own = [place for place, (name, _) in enumerate(names) if name in {influence.setting for influence in told}]
    rules = tuple(_rules(tree.fit(columns[:, own], failing), [names[p] for p in own], columns[:, own], failing))
    also = f", then {listed((i.setting for i in told[1:]), most=3)}" if len(told) > 1 else ""
    sentence = (
        f"{told[0].setting} separates failing from healthy runs best{also}. "
        f"Of runs that it has not seen, a rule made of settings alone {right}."
    )
    return Separation(sentence, score, spread, p_value, told, rules)


def _p_value(tree: Any, folds: Any, columns: np.ndarray, failing: np.ndarray, score: float) -> float:
    """How often a tree does as well on shuffled verdicts, the true ones counted in."""
    rng, as_well = np.random.default_rng(0), 1
    for _ in range(SHUFFLES):
        shuffled = rng.permutation(failing)
        scores = [
            _balanced(tree.fit(columns[train], shuffled[train]).predict(columns[test]), shuffled[test])
            for train, test in folds.split(columns, shuffled)
        ]
        as_well += float(np.mean(scores)) >= score
    return as_well / (SHUFFLES + 1)


def _without(
    tree: Any, columns: np.ndarray, failing: np.ndarray, names: list[tuple[str, str]], setting: object
) -> np.ndarray:
    """Scores (repeats,) of a fitted tree on runs among which a setting was shuffled."""
    own = [place for place, (name, _) in enumerate(names) if name == setting]
    rng, scores = np.random.default_rng(0), []
    for _ in range(REPEATS):
        shuffled = columns.copy()
        shuffled[:, own] = columns[rng.permutation(len(columns))][:, own]
        scores.append(_balanced(tree.predict(shuffled), failing))
    return np.array(scores)


def _encoded(table: pd.DataFrame) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Numbers (runs, columns), and what each column is: a setting, and the text that it is 1 for, "" for a number."""
    columns, names = [], []
    for name in table:
        values = table[name]
        if values.dtype.kind == "f":
            columns.append(values.to_numpy())
            names.append((str(name), ""))
            continue
        for text in sorted(values.unique()):
            columns.append((values == text).to_numpy(dtype="float64"))
            names.append((str(name), str(text)))
    return np.stack(columns, axis=1), names


def _balanced(predicted: np.ndarray, failing: np.ndarray) -> float:
    """The mean of the shares that are right among failing and among healthy runs."""
    return float(np.mean([(predicted == failing)[failing == which].mean() for which in (True, False)]))


def _rules(tree: Any, names: list[tuple[str, str]], columns: np.ndarray, failing: np.ndarray) -> Iterator[str]:
    """The tree's leaves in words, those with most runs of one kind first."""
    leaves = tree.apply(columns)
    told = []
    for leaf in np.unique(leaves):
        inside = failing[leaves == leaf]
        conditions = " and ".join(_conditions(tree.tree_, int(leaf), names)) or "all runs"
        rule = f"{conditions}: {inside.sum():,} of {count(len(inside), 'run')} failing"
        told.append((abs(inside.mean() - failing.mean()) * len(inside), rule))
    for _, rule in sorted(told, reverse=True):
        yield rule


def _conditions(tree: Any, leaf: int, names: list[tuple[str, str]]) -> list[str]:
    """What holds on the way to a leaf, each setting's bounds as one."""
    low: dict[int, float] = {}
    high: dict[int, float] = {}
    at = leaf
    while at:
        left = np.flatnonzero(tree.children_left == at)
        parent = int(left[0] if len(left) else np.flatnonzero(tree.children_right == at)[0])
        column, limit = int(tree.feature[parent]), float(tree.threshold[parent])
        if len(left):
            high[column] = min(limit, high.get(column, np.inf))
        else:
            low[column] = max(limit, low.get(column, -np.inf))
        at = parent
    return [_condition(names[c], low.get(c), high.get(c)) for c in dict.fromkeys((*reversed(low), *reversed(high)))]


def _condition(name: tuple[str, str], low: float | None, high: float | None) -> str:
    setting, text = name
    if text:
        return f"{setting} is {text}" if low is not None else f"{setting} is not {text}"
    if low is not None and high is not None:
        return f"{setting} between {number(low)} and {number(high)}"
    return f"{setting} above {number(low)}" if low is not None else f"{setting} at most {number(high or 0.0)}"
