import csv
import io

import pytest

from export.timings import as_csv, as_markdown, found_table, jobs_table, relative, summarise, times_table


def row(name, threads=2, delegate="cpu", status="timed", **medians):
    ms = {time: {"p5": value - 1, "median": value, "p95": value + 2} for time, value in medians.items()}
    return {"name": name, "delegate": delegate, "threads": threads, "status": status, "samples": {}, "ms": ms}


OURS = row("ours", decode=3.0, preprocess=0.5, infer=6.0, postprocess=2.0, whole=8.5, total=11.5)
HEAVY = row("heavy", infer=150.0, whole=152.5)
PEER = row("peer", whole=4.25)
SLOW = row("ours", threads=1, infer=9.0, whole=12.0)
ABSENT = row("ours", delegate="gpu", threads=1, status="no adapter")


def test_a_summary_is_median_and_percentiles_of_the_known_times():
    summary = summarise({"infer": [float(value) for value in range(101)], "preprocess": []})
    assert summary == {"infer": {"p5": 5.0, "median": 50.0, "p95": 95.0}}


def test_networks_are_compared_by_themselves_and_a_peer_from_photo_to_mask():
    rows = [OURS, HEAVY, PEER, SLOW, ABSENT]
    assert relative(OURS, rows) == 1
    assert relative(HEAVY, rows) == 25, "150 ms against 6"
    assert relative(PEER, rows) == 0.5, "4.25 ms against 8.5"
    assert relative(SLOW, rows) == 1, "the first of its number of threads"
    assert relative(row("alone", threads=8, whole=1.0), rows) is None


def test_the_table_of_times_shows_stages_spread_ratio_and_status():
    lines = times_table([OURS, PEER, ABSENT]).splitlines()
    assert lines[2] == "| ours | cpu | 2 | 3.0 | 0.5 | 6.0 | 2.0 | 8.5 [7.5, 10.5] | 1.00 |"
    assert lines[3] == "| peer | cpu | 2 |  |  |  |  | 4.2 [3.2, 6.2] | 0.50 |"
    assert lines[4] == "| ours | gpu | 1 | no adapter |  |  |  |  |  |"
    assert len({line.count("|") for line in lines}) == 1


def test_the_table_of_findings_shows_what_is_known():
    found = OURS | {"bytes": 2_990_000, "macs": 597_000_000, "load_ms": 93.4, "delegated": 91, "operators": 93}
    found |= {"agreement_dice": 0.99991, "agreement_least": 0.9984, "agreement_max": 0.004, "agreement_photos": 1}
    found |= {"peak_mb": None, "dice": 0.9712}
    lines = found_table([found, PEER, found | {"agreement_photos": 8}]).splitlines()
    assert lines[2] == (
        "| ours | cpu | 2 | 2.99 | 0.597 | 93 |  |  | 91 of 93 | 0.971 | Dice 0.9999, at most 0.004 apart | timed |"
    )
    assert "| Dice 0.9999, least 0.9984 of 8 photos, at most 0.004 apart |" in lines[4]
    assert len({line.count("|") for line in lines}) == 1


def test_the_csv_holds_every_row_and_time():
    rows = list(csv.DictReader(io.StringIO(as_csv([OURS, PEER, ABSENT]))))
    assert [one["status"] for one in rows] == ["timed", "timed", "no adapter"]
    assert (rows[0]["whole_p5"], rows[0]["whole_median"], rows[0]["total_p95"]) == ("7.5", "8.5", "13.5")
    assert rows[1]["infer_median"] == "" and rows[2]["whole_median"] == ""


def test_the_report_names_command_machine_and_jobs():
    content = {
        "command": "python -m export.benchmark",
        "machine": {"cpu": "Some CPU", "cores": "2"},
        "rows": [OURS],
        "jobs": [
            {"name": "`tfseg blur`", "stages": {"decode": 1.04, "effect": 30.0}, "result": "26.1 frames per second"}
        ],
    }
    text = as_markdown(content)
    assert text.startswith("`python -m export.benchmark`\n\ncpu: Some CPU; cores: 2\n\n| model |")
    assert "| `tfseg blur` | decode 1.0, effect 30.0 | 26.1 frames per second |" in text
    assert jobs_table([]) == ""


@pytest.mark.parametrize("rows", [[OURS, HEAVY, PEER, SLOW, ABSENT], [row("phone", infer=4.0)], []])
def test_the_picture_is_drawn_for_whatever_was_timed(rows, tmp_path):
    from export.chart import plot_times
    from tfseg.image import read_image

    plot_times(rows, "Some CPU", tmp_path / "benchmark.png")
    assert read_image(tmp_path / "benchmark.png").std() > 1
