"""The papers' tables as data: numbers, gaps, garbled cells, gains."""

import pytest

from engine.studies.published import SOURCES, gains, plain_name, published


def cell(table, row, column):
    (found,) = [each for each in published() if (each.table, each.row, each.column) == (table, row, column)]
    return found


def test_seven_tables_with_their_sources():
    assert {each.table for each in published()} == set(SOURCES) and len(SOURCES) == 7
    assert all(source.paper and source.differs for source in SOURCES.values())


@pytest.mark.parametrize(
    "table, row, column, values, aside",
    [
        ("freelb-1", "FreeLB", "RTE (Acc)", (88.13,), 1.2),
        ("freelb-1", "PGD", "STS-B (Pearson)", (92.43,), 7.0),
        ("freelb-2", "FreeLB-BERT", "MRPC 3.7k", (88.1, 83.5), None),
        ("smart-1", "SMART RoBERTa", "QQP Acc/F1", (92.4, 89.8), None),
        ("smart-1", "FreeLB (Zhu et al., 2020)", "STS-B P/S Corr", (92.7, None), None),
        ("smart-2", "T5", "#param", (11000.0,), None),
        ("smart-2", "SMART RoBERTa", "WNLI 634", (91.8,), None),
        ("textat-2", "FreeLB", "QNLI", (91.8,), None),
        ("textat-2", "TextAT(ours)", "MNLI-m/mm", (85.2, 84.7), None),
        ("macbert-6", "MacBERT-large", "LCQMC test", (87.6,), 87.1),
    ],
)
def test_cells_typed_from_the_slides(table, row, column, values, aside):
    found = cell(table, row, column)
    assert found.values == values and found.aside == aside and found.mark == ""


def test_gaps_and_cut_cells_are_marked():
    assert cell("freelb-1", "ReImp", "MNLI (Acc)").mark == "missing"
    cut = [each for each in published() if each.table == "electra-leaderboard" and each.column == "MNLI-mm"]
    assert len(cut) == 10 and {each.mark for each in cut} == {"garbled"}
    for each in published():
        assert each.mark in ("", "missing", "garbled")
        if not each.mark:
            numbers = [value for value in each.values if value is not None]
            assert numbers and (each.column == "#param" or all(0 < value < 100 for value in numbers))


def test_gains_are_differences_from_the_baseline():
    found = {(row, task): gain for row, task, gain in gains("textat-2")}
    assert found["TextAT(ours)", "RTE"] == pytest.approx(71.0 - 66.4)
    assert found["FreeLB", "MRPC"] == pytest.approx(88.1 - 88.9)
    of_smart = {(row, task): gain for row, task, gain in gains("smart-1")}
    assert of_smart["SMART BERT", "RTE"] == pytest.approx(71.2 - 63.5)
    assert of_smart["SMART RoBERTa", "RTE"] == pytest.approx(92.0 - 86.6)
    assert ("FreeLB", "MNLI") not in {(row, task) for row, task, _ in gains("freelb-1")}  # Its baseline is a gap.
    assert plain_name("SMART _{BERT}") == "SMART BERT" and plain_name("MT-DNN-SMART [†]") == "MT-DNN-SMART"
