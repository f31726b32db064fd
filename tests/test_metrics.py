from math import log

import keras
import numpy as np
import pytest

from tfseg.metrics import Dice, boundary_f, dice, dtssd, flicker, iou, lag, mean_absolute_difference


def photos(*rows):
    """Photos of one pixel row each, as `[B, 1, W, 1]`."""
    return np.array(rows, np.float32)[:, None, :, None]


def logits(*rows):
    """Logits that say person with +1 and background with -1."""
    return photos(*rows) * 2 - 1


def dice_of(truth, prediction, **settings):
    metric = Dice(**settings)
    metric.update_state(truth, prediction)
    return float(metric.result())


@pytest.mark.parametrize(
    "truth, person, expected",
    [
        ([1, 1, 0, 0], [1, 0, 1, 0], 2 * 1 / (2 + 2)),
        ([1, 1, 1, 0], [1, 0, 0, 0], 2 * 1 / (3 + 1)),
        ([1, 1, 0, 0], [1, 1, 0, 0], 1.0),
        ([1, 1, 0, 0], [0, 0, 1, 1], 0.0),
        ([0, 0, 0, 0], [0, 0, 0, 0], 1.0),
        ([0, 0, 0, 0], [0, 0, 0, 1], 0.0),
        ([1, 0, 0, 0], [0, 0, 0, 0], 0.0),
    ],
)
def test_dice_of_one_photo_as_metric_and_as_function(truth, person, expected):
    assert dice_of(photos(truth), logits(person)) == pytest.approx(expected)
    assert dice(np.uint8([truth]), np.uint8([person])) == pytest.approx(expected)


def test_dice_is_the_mean_over_photos_however_they_are_batched():
    truth, person = photos([1, 1, 0], [1, 0, 0], [0, 0, 0]), logits([1, 0, 1], [1, 0, 0], [0, 0, 0])
    expected = (2 * 1 / (2 + 2) + 1 + 1) / 3  # pooled it would be 2 * 2 / (3 + 3)
    metric = Dice()
    metric.update_state(truth[:1], person[:1])
    metric.update_state(truth[1:], person[1:])
    assert float(metric.result()) == pytest.approx(expected)
    metric.reset_state()
    metric.update_state(truth, person, sample_weight=photos([9, 1, 1], [1, 1, 1], [5, 5, 5]))
    assert float(metric.result()) == pytest.approx(expected), "weights of the loss do not change the score"


def test_the_threshold_is_a_probability_also_for_logits():
    truth = photos([1, 1])
    around = [log(0.31 / 0.69), log(0.29 / 0.71)]
    assert dice_of(truth, photos(around), threshold=0.3) == pytest.approx(2 * 1 / (2 + 1))
    assert dice_of(truth, photos([0.31, 0.29]), threshold=0.3, from_logits=False) == pytest.approx(2 * 1 / (2 + 1))
    assert dice_of(truth, photos(around)) == 0, "at the usual 0.5 neither is person"
    assert dice_of(truth, photos([0.51, 0.49]), from_logits=False) == pytest.approx(2 * 1 / (2 + 1))


def test_metric_survives_saving_with_its_settings():
    metric = keras.metrics.deserialize(keras.metrics.serialize(Dice(0.3, from_logits=False, name="mine")))
    assert (type(metric), metric.threshold, metric.from_logits, metric.name) == (Dice, 0.3, False, "mine")


@pytest.mark.parametrize("threshold", [0, 1, -0.5])
def test_impossible_thresholds_are_named(threshold):
    with pytest.raises(ValueError, match=f"threshold.*{threshold}"):
        Dice(threshold)


@pytest.mark.parametrize(
    "truth, person, expected",
    [
        ([1, 1, 0, 0], [1, 0, 1, 0], 1 / 3),
        ([1, 1], [1, 1], 1),
        ([0, 0], [0, 0], 1),
        ([1, 0], [0, 1], 0),
        ([0, 0], [1, 0], 0),
    ],
)
def test_intersection_over_union(truth, person, expected):
    assert iou(np.uint8([truth]), np.uint8([person])) == pytest.approx(expected)


def square(left, top=20, side=40, frame=(100, 100)):
    mask = np.zeros(frame, np.uint8)
    mask[top : top + side, left : left + side] = 1
    return mask


# On 100x100 the diagonal is 141.4, so that "near" is one pixel up, down, left or right. A square of side 40 has an
# outline of 4 * 40 - 4 = 156 pixels.
@pytest.mark.parametrize(
    "person, expected",
    [
        (square(20), 1.0),
        (square(21), 1.0),  # one pixel aside
        # Ten pixels aside: of the moved square's outline the top side has columns 30..60 near the true one, 31 pixels,
        # the bottom side as many, and the left side one pixel below the true top and one above the true bottom.
        (square(30), (31 + 31 + 2) / 156),
        (square(60, top=60), 0.0),  # the corners touch diagonally, which is not near
        (square(20, top=62), 0.0),
    ],
)
def test_boundary_f_of_a_moved_square(person, expected):
    assert boundary_f(square(20), person) == pytest.approx(expected)


def test_boundary_f_weighs_missed_and_invented_outline_alike():
    both = square(5, side=20) | square(60, side=20)  # 2 * 76 pixels of outline
    one = square(5, side=20)
    assert boundary_f(both, one) == pytest.approx(2 * 1 * 0.5 / (1 + 0.5))
    assert boundary_f(one, both) == pytest.approx(2 * 1 * 0.5 / (1 + 0.5))


def test_boundary_f_where_there_is_no_outline():
    empty, full = np.zeros((100, 100), np.uint8), np.ones((100, 100), np.uint8)
    assert boundary_f(empty, empty) == 1
    assert boundary_f(full, full) == 1
    assert boundary_f(full, empty) == 1, "the frame's edge is no outline"
    assert boundary_f(square(20), empty) == 0
    assert boundary_f(empty, square(20)) == 0


def test_boundary_f_ignores_where_the_person_leaves_the_frame():
    left_half, moved = np.zeros((100, 100), np.uint8), np.zeros((100, 100), np.uint8)
    left_half[:, :50], moved[:, :53] = 1, 1
    assert boundary_f(left_half, moved) == 0, "only the inner edge is compared, and it is three pixels off"
    assert boundary_f(left_half, moved, tolerance=3 / 141) == 1


def test_boundary_tolerance_grows_with_the_photo():
    big, aside = square(200, 200, 400, (1000, 1000)), square(210, 200, 400, (1000, 1000))
    assert boundary_f(big, aside) == 1, "0.0075 of a diagonal of 1414 is 11 pixels"


def test_mean_absolute_difference_is_the_mean_over_pixels():
    truth, alpha = np.uint8([[0, 1], [1, 0]]), np.float32([[0.25, 1], [0.5, 0]])
    assert mean_absolute_difference(truth, alpha) == pytest.approx((0.25 + 0 + 0.5 + 0) / 4)
    assert mean_absolute_difference(truth, truth) == 0
    assert mean_absolute_difference(truth, 1 - truth) == 1, "unsigned masks do not wrap round"


def row(*values):
    return np.float32([values])


def test_dtssd_is_the_change_that_the_truth_does_not_make():
    truths = [row(0, 1, 0, 0), row(0, 0, 1, 0), row(0, 0, 0, 1)]
    assert dtssd(truths, truths) == 0
    assert dtssd(truths, [1 - truth for truth in truths]) > 1, "the opposite change is the worst"
    aside = [truth * 0.5 + 0.25 for truth in truths]  # half the change at two of four pixels, twice
    assert dtssd(truths, aside) == pytest.approx(np.sqrt(2 * 0.5**2 / 4))
    steady = np.uint8([[0, 1, 1, 0]])
    assert dtssd([steady] * 3, [row(0, 1, 1, 0.3)] * 3) == 0, "a steady mistake does not flicker"
    assert dtssd([steady] * 2, [row(0, 1, 1, 0), row(0, 1, 0, 0)]) == pytest.approx(0.5)


def test_flicker_is_what_comes_or_goes_for_one_frame():
    moving = [row(1, 1, 0, 0), row(0, 1, 1, 0), row(0, 0, 1, 1)]
    assert flicker(moving) == 0, "motion is no flicker"
    assert flicker([row(1, 1, 0), row(1, 0, 0), row(1, 1, 0)]) == pytest.approx(1 / 1)
    assert flicker([row(1, 1, 0), row(1, 1, 0.5), row(1, 1, 0.25)]) == pytest.approx(0.25 / 2.5)
    assert flicker([row(0, 0), row(0, 0), row(0, 0)]) == 0
    assert flicker([np.uint8([[1, 1]]), np.uint8([[1, 0]]), np.uint8([[1, 1]])]) == 1, "masks do not wrap round"


def test_lag_is_in_frames():
    truths = [row(*(1 if t <= x < t + 6 else 0 for x in range(40))) for t in range(0, 30, 2)]
    assert lag(truths, truths) == 0
    assert lag(truths[1:], truths[:-1]) == pytest.approx(1)
    assert lag(truths[:-1], truths[1:]) == pytest.approx(-1)
    between = [(before + 3 * now) / 4 for before, now in zip(truths, truths[1:], strict=False)]
    assert lag(truths[1:], between) == pytest.approx(0.25)
    assert lag([truths[0]] * 3, truths[:3]) == 0, "what stands still has no lag"
