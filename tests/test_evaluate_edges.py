import numpy as np
import pytest

from tfseg.pairs import find_pairs
from tfseg.segmenter import Segmenter
from training.evaluate_edges import chosen, evaluate_halo, evaluate_steps, known_person, main


def test_every_step_gets_its_scores(photos):
    """A network that knows nothing: half a person everywhere but in one corner."""

    def network(frame):
        probability = np.full(frame.shape[:2], 0.6, np.float32)
        probability[:10, :10] = 0.2
        return probability

    scores = evaluate_steps(Segmenter(network, 96, 64), find_pairs(photos)[:2])
    assert list(scores) == [
        "plain resizing",
        "refine_alpha",
        "and clean_mask",
        "and firm",
        "the same with opening",
    ]
    assert all(0 < dice < 0.8 and 0 <= edge <= 1 and 0 < mad < 1 for dice, edge, mad in scores.values())
    assert scores["plain resizing"][2] == pytest.approx(0.5, abs=0.12), "0.6 off the background, 0.4 off the person"
    assert scores["and firm"][2] != scores["plain resizing"][2]


def test_less_of_the_old_background_is_left_where_it_is_taken_out(photos):
    halo = evaluate_halo(find_pairs(photos)[:4])
    assert (halo["estimate_foreground"] < 0.8 * halo["the photo's"]).all()


def test_the_known_person_has_her_own_colours_beyond_her_outline(draw):
    mask = draw(1)[1]
    image = np.where(mask[..., None] == 1, (200, 40, 30), (20, 30, 200)).astype(np.uint8)
    colours, alpha = known_person(image, mask)
    assert np.abs(colours[alpha > 0.02].astype(int) - (200, 40, 30)).max() < 8
    assert 0.4 < alpha[(alpha > 0.02) & (alpha < 0.98)].mean() < 0.6


def test_photos_are_chosen_evenly_and_those_without_a_person_left_out(photos):
    pairs = find_pairs(photos)
    assert chosen(pairs, 5) == pairs[::4] and chosen(pairs, None) == chosen(pairs, 100) == pairs
    assert chosen([pairs[0]._replace(mask=None)], 3) == []


def test_the_tables_are_printed_and_faults_told_in_one_line(photos, bundle, capsys):
    assert main(["--model", str(bundle), "--data", str(photos), "--photos", "2"]) == 0
    printed = capsys.readouterr().out
    assert "| and firm |" in printed and "| estimate_foreground |" in printed
    assert main(["--data", str(photos / "missing")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
