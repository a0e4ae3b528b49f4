"""The recommender: better than the single best solver where features tell, and the single best where they do not."""

import json
import math
import zipfile

import numpy as np
import pytest
from sklearn.base import clone

from mezan.solvers.errors import BadInput
from mezan.solvers.selection.models.schedules import Step, loss_of
from mezan.solvers.selection.recommender import Recommender

CUTOFF = 1000.0
NAMES = ["left", "right", "slow"]


def runtimes(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features [n, 6] and seconds [n, 3]: by the first feature one of two solvers is quick and the other fails; the third is slow."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6)) * [1, 1, 1, 1e6, 1e-6, 1]
    noise = np.exp(rng.normal(size=(n, 3)) * 0.15)
    seconds = np.stack([np.where(X[:, 0] < 0, 3, 5000), np.where(X[:, 0] < 0, 5000, 3), np.full(n, 600)], axis=1)
    return X, np.minimum(seconds * noise, CUTOFF + 1)


def lost(recommender: Recommender, X: np.ndarray, seconds: np.ndarray, cost: float = 0.0) -> float:
    """Mean PAR10 over instances."""
    table = np.where(seconds <= CUTOFF, seconds, math.inf)
    total = 0.0
    for made, row in zip(recommender.predict(X), table, strict=True):
        steps = [Step(NAMES.index(solver), limit) for solver, limit in made.schedule]
        total += loss_of(steps, row, CUTOFF, cost if made.uses_features else 0.0)
    return total / len(X)


X, SECONDS = runtimes(150, 1)
NEW, THEIRS = runtimes(200, 2)
FITTED = Recommender(trees=60).fit(X, SECONDS, cutoff=CUTOFF, names=NAMES, feature_names=list("abcdef"))


@pytest.mark.parametrize("mode", ["auto", "schedule"])
def test_where_features_tell_nearly_the_whole_gap_is_closed(mode) -> None:
    """The single best solver takes 600 seconds; the best on each instance about 3; the recommender is close to that."""
    made = Recommender(mode, trees=60).fit(X, SECONDS, cutoff=CUTOFF, names=NAMES)
    single = Recommender("single_best", trees=60).fit(X, SECONDS, cutoff=CUTOFF, names=NAMES)
    assert lost(single, NEW, THEIRS) == pytest.approx(np.where(THEIRS > CUTOFF, 10 * CUTOFF, THEIRS)[:, 2].mean())
    assert lost(made, NEW, THEIRS) < 0.15 * lost(single, NEW, THEIRS)


def test_useless_features_leave_the_single_best_solver_and_its_features_unpaid() -> None:
    """Where features are noise and dear, the guard takes the single best solver, which does not wait for them."""
    rng = np.random.default_rng(3)
    seconds = np.stack([np.full(200, 5.0), rng.choice([4.0, 5000.0], size=200)], axis=1)
    made = Recommender(trees=60).fit(rng.normal(size=(200, 4)), seconds, cutoff=CUTOFF, feature_cost=300.0)
    [one] = made.predict(np.zeros((1, 4)))
    assert (one.solver, one.decided_by, one.uses_features, one.schedule) == ("solver_0", "single_best", False, (("solver_0", None),))  # fmt: skip
    assert one.expected_loss == pytest.approx(5.0, abs=0.01)
    assert "out of bag on 200 known instances" in made.explain(np.zeros(4)).reason


def test_expectations_hold_on_new_instances() -> None:
    """Mean expected loss and mean loss agree, and the chance of being best is right as often as it says."""
    made = FITTED.predict(NEW)
    assert np.mean([one.expected_loss for one in made]) == pytest.approx(lost(FITTED, NEW, THEIRS), abs=60)
    best = np.array([one.solver == NAMES[k] for one, k in zip(made, THEIRS.argmin(axis=1), strict=True)])
    assert np.mean([one.chance_best for one in made]) == pytest.approx(best.mean(), abs=0.15)
    assert all(one.loss_error >= 0 for one in made)


def test_quality_is_maximised_or_minimised() -> None:
    """Without a cutoff, values count themselves; negated with the other sense they give the same picks."""
    quality = np.stack([0.9 - 0.3 * (X[:, 0] > 0), 0.9 - 0.3 * (X[:, 0] < 0), np.full(len(X), 0.8)], axis=1)
    more = Recommender(trees=60).fit(X, quality, maximize=True, names=NAMES)
    less = Recommender(trees=60).fit(X, -quality, names=NAMES)
    made = more.predict(NEW)
    assert made == less.predict(NEW)
    right = [one.solver == ("right" if x[0] > 0 else "left") for one, x in zip(made, NEW, strict=True)]
    assert np.mean(right) > 0.9
    sure = [one for one, x in zip(made, NEW, strict=True) if abs(x[0]) > 0.5]
    assert np.median([one.expected_loss for one in sure]) == pytest.approx(-0.87, abs=0.05)
    assert all(len(one.schedule) == 1 for one in made)


def test_features_that_say_nothing_fall_to_the_single_best() -> None:
    """An infinite value, one beyond 1e100 and a row without values are not learned from; a single missing value is imputed."""
    rows = np.array([NEW[0]] * 5)
    rows[0, 3], rows[1, 2], rows[2] = np.inf, 1e300, np.nan
    rows[3, 5] = np.nan
    made = FITTED.predict(rows)
    assert [one.decided_by for one in made] == ["single_best"] * 3 + ["schedule"] * 2
    assert made[0].solver == "slow"
    assert made[3].solver == made[4].solver
    told = FITTED.explain(rows[2])
    assert told.neighbours == ()
    assert "guard" in told.reason
    assert FITTED.explain(rows[1]).recommendation == made[1]


def test_poisoned_training_data_do_no_harm() -> None:
    """A wild feature, an empty column and a constant one among the known instances leave the gap closed."""
    bad = np.hstack([X, np.full((150, 1), np.nan), np.ones((150, 1))])
    bad[7, 1], bad[8, 2], bad[9, 0] = np.inf, -1e300, np.nan
    made = Recommender(trees=60).fit(bad, SECONDS, cutoff=CUTOFF, names=NAMES)
    assert lost(made, np.hstack([NEW, np.full((200, 1), np.nan), np.ones((200, 1))]), THEIRS) < 100


def test_missing_labels_are_not_failures() -> None:
    """With a third of the labels missing at random, the picks stay nearly as good; failures are NaN only where said so."""
    rng = np.random.default_rng(4)
    holes = np.where(rng.random(SECONDS.shape) < 0.33, np.nan, SECONDS)
    made = Recommender(trees=60).fit(X, holes, cutoff=CUTOFF, names=NAMES)
    assert lost(made, NEW, THEIRS) < 0.3 * THEIRS[:, 2].mean()
    failed = Recommender("pick", trees=20).fit(X, np.where(SECONDS > CUTOFF, np.nan, SECONDS), cutoff=CUTOFF, names=NAMES, solved=SECONDS <= CUTOFF)  # fmt: skip
    whole = Recommender("pick", trees=20).fit(X, SECONDS, cutoff=CUTOFF, names=NAMES)
    assert failed.predict(NEW) == whole.predict(NEW)


def test_the_explanation_tells_the_features_that_matter_and_like_instances() -> None:
    """The deciding feature has most of the importance, neighbours lie on its side, and expectations rank the solvers."""
    x = NEW[np.argmax(NEW[:, 0])]
    told = FITTED.explain(x)
    assert max(told.importance, key=lambda name: told.importance[name]) == "a"
    assert sum(told.importance.values()) == pytest.approx(1)
    for near in told.neighbours:
        row = int(near.instance.removeprefix("instance_"))
        assert X[row, 0] > 0
        assert near.best_solver == "right"
    assert min(told.expected_losses, key=lambda name: told.expected_losses[name]) == "right"
    assert (told.single_best, told.single_best_loss) == ("slow", told.expected_losses["slow"])
    assert told.recommendation == FITTED.predict(x[None])[0]
    assert told.recommendation.solver == "right"


def test_the_same_seed_gives_the_same_and_rows_do_not_touch_each_other() -> None:
    """Fitting again gives equal recommendations; one row alone gives what it gives among others."""
    again = Recommender(trees=60).fit(X, SECONDS, cutoff=CUTOFF, names=NAMES, feature_names=list("abcdef"))
    assert again.predict(NEW) == FITTED.predict(NEW)
    assert [again.predict(row[None])[0] for row in NEW[:20]] == again.predict(NEW[:20])


def test_dear_features_are_counted() -> None:
    """What features cost is part of the expected loss and shortens what is left for the solvers."""
    free, dear = FITTED.predict(NEW[:5], feature_cost=0.0), FITTED.predict(NEW[:5], feature_cost=200.0)
    for one, other in zip(free, dear, strict=True):
        assert other.expected_loss >= one.expected_loss + 190


def test_a_saved_recommender_recommends_the_same(tmp_path) -> None:
    """Saving and loading keeps every bit of recommendations and explanations; a quality one too."""
    quality = Recommender(trees=10, seed=5).fit(X, SECONDS, maximize=True)
    for one in (FITTED, quality):
        one.save(tmp_path / "kept.npz")
        back = Recommender.load(tmp_path / "kept.npz")
        assert back.get_params() == one.get_params()
        assert back.predict(NEW) == one.predict(NEW)
        assert back.explain(NEW[3]) == one.explain(NEW[3])
    assert [path.name for path in tmp_path.iterdir()] == ["kept.npz"]


def test_a_damaged_file_is_refused(tmp_path) -> None:
    """A missing, foreign, truncated or inconsistent file is a typed error and never runs code."""
    path = tmp_path / "kept.npz"
    with pytest.raises(BadInput, match="readable"):
        Recommender.load(path)
    path.write_bytes(b"PK nonsense")
    with pytest.raises(BadInput, match="recommender has saved"):
        Recommender.load(path)
    FITTED.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput):
        Recommender.load(path)
    path.write_bytes(whole)
    with np.load(path) as kept:
        arrays = dict(kept)
    about = json.loads(str(arrays["about"]))
    changes = [
        {"about": np.array(json.dumps(about | {"format": 99}))},
        {"about": np.array(json.dumps(about | {"depth": 10**12}))},
        {"about": np.array(json.dumps(about | {"single_best": 7}))},
        {"forest_left": arrays["forest_left"] + 10**6},
        {"kernel_members": -arrays["kernel_members"]},
        {"losses": arrays["losses"][:5]},
        {"about": np.array([{"pickled": 1}], dtype=object)},
    ]
    for change in changes:
        np.savez(path, **(arrays | change))
        with pytest.raises(BadInput):
            Recommender.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.txt", "x")
    with pytest.raises(BadInput, match="recommender has saved"):
        Recommender.load(path)


def test_it_is_a_good_citizen_of_scikit_learn() -> None:
    """`clone` copies the parameters, `set_params` changes them, and unknown ones are refused."""
    copied = clone(Recommender("pick", trees=17, seed=3))
    assert copied.get_params() == Recommender("pick", trees=17, seed=3).get_params()
    assert copied.set_params(trees=4).trees == 4
    with pytest.raises(BadInput, match="max_features"):
        copied.set_params(trees=4, forests=3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"performance": SECONDS[:9]}, "n at least 2"),
        ({"features": X[0]}, "n at least 2"),
        ({"solved": np.ones((3, 3))}, "as large as"),
        ({"cutoff": 0.0}, "positive"),
        ({"maximize": True}, "cannot be maximised"),
        ({"names": ["a", "a", "b"]}, "3 different solver names"),
        ({"instances": ["a"]}, "150 different instance names"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, said) -> None:
    """Each refusal says the rule."""
    given = {"features": X, "performance": SECONDS, "cutoff": CUTOFF} | change
    with pytest.raises(BadInput, match=said):
        Recommender(trees=5).fit(given.pop("features"), given.pop("performance"), **given)


def test_misuse_is_refused() -> None:
    """Predicting before fitting, other numbers of features, and unknown modes."""
    with pytest.raises(BadInput, match="fitted before"):
        Recommender().predict(X)
    with pytest.raises(BadInput, match=r"\[n, 6\]"):
        FITTED.predict(X[:, :2])
    with pytest.raises(BadInput, match="mode"):
        Recommender("best").fit(X, SECONDS)
