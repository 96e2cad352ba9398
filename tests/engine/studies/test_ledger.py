"""The ledger: claims of the papers' tables beside runs whose results are known."""

import numpy as np
import pytest
from scipy import stats

from engine.catalogue import analyse
from engine.runs.config import TrainConfig
from engine.runs.store import Store
from engine.studies import studies
from engine.studies.ledger import NOT_SEEN, NOT_TESTABLE, OPPOSITE, SEEN, claims, ledger, verdict_of
from engine.studies.published import published

VANILLA = [0.80, 0.81, 0.79, 0.82, 0.80, 0.78, 0.81, 0.80]


def ran(method, values, dataset="movie-sentiment", first=0, **more):
    """Completed runs with these accuracies, one per seed."""
    for seed, value in enumerate(values, first):
        config = TrainConfig.build({"method": method, "dataset": dataset, "seed": seed, "max_steps": 50, **more})
        run = Store().create(config.as_dict(), status="completed")
        Store().update(run.id, step=50, metrics={"main_metric": "accuracy", "accuracy": value, "majority": 0.5})


def entry(table="textat-2", method="textat", task="SST-2"):
    found = [
        each
        for each in ledger(Store().all())
        if (each.claim.table, each.claim.method, each.claim.task) == (table, method, task)
    ]
    assert len(found) == 1
    return found[0]


def test_claims_are_the_papers_gains_of_methods_that_there_are():
    """FreeLB, Table 1: FreeLB's RTE 88.1 over ReImp's, as printed."""
    found = claims()
    assert len(found) >= 20 and {each.method for each in found} == {"pgd", "freeat", "freelb", "smart", "textat"}
    cells = {(each.row, each.task): each.values[0] for each in published() if each.table == "freelb-1"}
    (one,) = [each for each in found if (each.table, each.row, each.task) == ("freelb-1", "FreeLB", "RTE")]
    assert one.gain == pytest.approx(cells["FreeLB", "RTE"] - cells["ReImp", "RTE"])


def test_without_runs_nothing_is_claimed():
    assert {each.verdict for each in ledger([])} == {NOT_TESTABLE}
    assert entry().why == "Nothing was run." and entry().study["seeds"] == list(range(10))
    assert "no data of this kind" in entry(task="RTE").why


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [([0.02, 0.03, 0.01, 0.02, 0.04, 0.01, 0.02, 0.03], SEEN), ([-0.02, -0.01, -0.03, -0.02, -0.01, -0.02, -0.04, -0.01], OPPOSITE),
     ([0.02, -0.02, 0.01, -0.01, 0.03, -0.03, 0.01, 0.0], NOT_SEEN)],
)  # fmt: skip
def test_a_verdict_is_that_of_the_exact_test(gains, verdict):
    ran("vanilla", VANILLA)
    ran("textat", [base + gain for base, gain in zip(VANILLA, gains, strict=True)])
    found = entry()
    assert found.verdict == verdict and found.seeds == 8 and found.stand_in and found.data == "movie-sentiment"
    assert found.measured == pytest.approx(100 * np.mean(gains)) and found.low <= found.measured <= found.high
    theirs = stats.permutation_test(
        (np.array(gains), np.zeros(8)), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
    )
    assert found.p == pytest.approx(theirs.pvalue)
    assert found.passes == 50 * 9.0 and found.steps == 50
    wanted = studies.cells(studies.study_from(found.study))
    assert len(wanted) == 20 and {cell.config.max_steps for cell in wanted} == {50}
    said = analyse("ledger", None)
    assert f"{verdict} 1" in said.verdict() and f"{found.measured:+.2f}" in said.text()


def test_runs_that_differ_in_more_than_the_method_are_not_compared():
    ran("vanilla", VANILLA)
    ran("textat", VANILLA, learning_rate=1e-5)
    ran("textat", VANILLA[:3])
    assert entry().seeds == 3 and entry().verdict == NOT_TESTABLE and "3 seeds" in entry().why
    assert entry().measured is not None and (entry().low, entry().high, entry().p) == (None, None, None)
    assert "untested" in analyse("ledger", None).text()
    ran("textat", [each + 0.01 for each in VANILLA], method_settings={"epsilon": 0.1})
    assert entry().seeds == 8 and entry().study["settings"]["textat"]["epsilon"] == 0.1


def test_of_as_many_seeds_the_larger_data_count():
    for limit, gain in ((100, 0.05), (None, 0.01), (300, 0.03)):
        ran("vanilla", VANILLA, train_limit=limit)
        ran("textat", [each + gain for each in VANILLA], train_limit=limit)
    assert entry().examples is None and entry().measured == pytest.approx(1.0)
    ran("vanilla", [0.8, 0.8], first=8, train_limit=100)
    ran("textat", [0.85, 0.85], first=8, train_limit=100)
    assert (entry().examples, entry().seeds) == (100, 10)


def test_the_tasks_own_data_come_before_a_stand_in(tmp_path):
    ran("vanilla", VANILLA)
    ran("textat", VANILLA)
    own = f"glue/sst2@{tmp_path}"
    ran("vanilla", VANILLA[:2], dataset=own)
    ran("textat", VANILLA[:2], dataset=own)
    assert (entry().data, entry().seeds, entry().stand_in) == (own, 2, False)


@pytest.mark.parametrize(
    ("claimed", "measured", "p", "verdict"),
    [
        (0.3, 1.0, 0.01, SEEN),
        (0.3, -1.0, 0.01, OPPOSITE),
        (-0.1, 1.0, 0.01, OPPOSITE),  # The paper's row is below its baseline.
        (-0.1, -1.0, 0.01, SEEN),
        (0.3, 1.0, 0.2, NOT_SEEN),
        (0.0, 1.0, 0.01, OPPOSITE),
        (0.0, 1.0, 0.2, NOT_TESTABLE),
        (0.3, 1.0, None, NOT_TESTABLE),
    ],
)
def test_the_sign_of_the_claim_is_what_is_seen(claimed, measured, p, verdict):
    assert verdict_of(claimed, measured, p)[0] == verdict
