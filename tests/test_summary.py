import numpy as np
import pytest

from training.summary import SCORES, beside, summarise, table


def scored(values):
    return [dict.fromkeys(SCORES, value) | {"person_free": False, "false_person": 0.0} for value in values]


def test_the_interval_lies_around_the_mean_as_bootstrap_says():
    values = np.random.default_rng(3).beta(9, 2, 400)
    score = summarise(scored(values))["dice"]
    low, high = score["interval"]
    assert score["mean"] == pytest.approx(values.mean())
    assert score["p5"] == pytest.approx(np.sort(values)[20], abs=0.01)
    assert low < score["mean"] < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(400), rel=0.15)
    assert summarise(scored(values))["dice"] == score, "the same photos give the same interval"
    assert summarise(scored([0.8] * 5))["iou"]["interval"] == pytest.approx([0.8, 0.8])


def test_the_table_holds_the_numbers_of_every_set():
    rows = scored([0.9, 0.7])
    free = scored([1.0]) + scored([0.0])
    for row, share in zip(free, (0.0, 0.5), strict=True):
        row.update(person_free=True, false_person=share)
    lines = table({"mine": summarise(rows + free), "empty": summarise(free)}).splitlines()
    assert len({line.count("|") for line in lines}) == 1, "every row has as many columns as the head"
    assert lines[2].startswith("| mine | 2 | 0.8000 [0.7000, 0.9000] | 0.710 | 0.8000 | 0.8000 [")
    assert lines[3].startswith("| mine, person-free | 2 | false person: 25.00% of pixels, 50.0% of photos over 1 %")
    assert lines[4].startswith("| empty, person-free | 2 |") and len(lines) == 5


def test_several_models_stand_below_each_other_set_by_set():
    one, other = ({"mine": summarise(scored([dice])), "yours": summarise(scored([dice]))} for dice in (0.9, 0.8))
    assert beside([{"name": "a", "summary": one}]) == one
    both = beside([{"name": "a", "summary": one}, {"name": "b", "summary": other}])
    assert list(both) == ["mine, a", "mine, b", "yours, a", "yours, b"]
    assert [summary["dice"]["mean"] for summary in both.values()] == [0.9, 0.8, 0.9, 0.8]
