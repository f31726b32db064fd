from export.bounds import LOSSES, summarise, table, worst


def row(**values):
    return {"image": "a.jpg", "dice": 0.9, "boundary_f": 0.8} | dict.fromkeys(LOSSES, 0.0) | values


def test_people_alone_count_for_dice_and_the_largest_difference_is_kept():
    free = row(dice=None, boundary_f=None, dice_drop=None, boundary_f_drop=None, max_difference=0.7, changed_side=0.2)
    summary = summarise([row(dice_drop=0.1, max_difference=0.3), free])
    assert summary["dice_drop"] == 0.1 and summary["max_difference"] == 0.7 and summary["changed_side"] == 0.1


def test_every_file_stands_above_what_it_may_lose():
    lines = table({"x/a.tflite": [row(dice_drop=0.01, changed_side=0.002)], "b.tflite": [row()]}, {"dice_drop": 0.005})
    assert lines.splitlines()[2:] == [
        "| a.tflite | 1 | 0.0100 | 0.0000 | 0.00000 | 0.000 | 0.200% |",
        "| b.tflite | 1 | 0.0000 | 0.0000 | 0.00000 | 0.000 | 0.000% |",
        "| at most |  | 0.0050 |  |  |  |  |",
    ]


def test_the_worst_photos_are_those_on_which_most_pixels_change_side():
    shares = {"a": 0.1, "b": 0.4, "c": 0.2, "d": 0.3}
    rows = [row(image=f"x/{name}.jpg", changed_side=share) for name, share in shares.items()]
    assert worst(rows) == "b.jpg (40.000%), d.jpg (30.000%), c.jpg (20.000%)"
