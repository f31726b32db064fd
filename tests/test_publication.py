import json

import pytest

from export.publication import ROOT, publish
from training import publication as evaluation
from training.section import with_section

BEGIN, END = "<!-- benchmark: written by a command -->", "<!-- end of benchmark -->"

CONTENT = {
    "command": "python -m export.benchmark",
    "machine": {"cpu": "Some CPU", "cores": "2", "date": "2026-11-25"},
    "rows": [{"name": "ours", "delegate": "gpu", "threads": 1, "status": "no adapter", "samples": {}, "ms": {}}],
    "jobs": [],
}


@pytest.fixture
def project(tmp_path):
    """A folder with a README and docs that have a section for figures, and a benchmark's picture."""
    (tmp_path / "docs").mkdir()
    for path in (tmp_path / "README.md", tmp_path / "docs" / "benchmarks.md"):
        path.write_text(f"before\n\n{BEGIN}\n\nold\n\n{END}\n\nafter\n")
    (tmp_path / "benchmark.png").write_bytes(b"picture")
    return tmp_path


def test_what_stands_between_the_markers_is_replaced_and_nothing_else(project):
    publish(CONTENT, project, root=project)
    publish(CONTENT, project, root=project)
    readme = (project / "README.md").read_text()
    assert readme.startswith(f"before\n\n{BEGIN}\n\nSome CPU, 2 cores, 2026-11-25") and "| no adapter |" in readme
    assert readme.endswith(f"\n\n{END}\n\nafter\n") and "old" not in readme
    assert "`python -m export.benchmark`" in (project / "docs" / "benchmarks.md").read_text()
    assert (project / "docs" / "benchmark.png").read_bytes() == b"picture"


def test_without_markers_no_file_is_touched(project):
    before = (project / "README.md").read_text()
    (project / "docs" / "benchmarks.md").write_text("no section")
    with pytest.raises(ValueError, match="benchmarks.md: has no section between"):
        publish(CONTENT, project, root=project)
    assert (project / "README.md").read_text() == before


@pytest.mark.parametrize(
    "page, section",
    [
        ("README.md", "evaluation"),
        ("README.md", "benchmark"),
        ("README.md", "robustness"),
        ("docs/benchmarks.md", "benchmark"),
    ],
)
def test_the_project_itself_has_the_sections(page, section):
    path = ROOT / page
    written = with_section(path, section, "words")
    assert "\n\nwords\n\n" in written and len(path.read_text().partition(f"<!-- {section}:")[0]) == len(
        written.partition(f"<!-- {section}:")[0]
    )


def summary(mean, free=None):
    score = {"mean": mean, "interval": [mean - 0.01, mean + 0.01]}
    people = {"photos": 7, "dice": score, "boundary_f": score}
    return {"data/val/picsart": people, "data/val/mine": {"photos": 20, "person_free": free}}


def test_scores_of_an_evaluation_stand_in_the_readme_model_by_model(tmp_path, monkeypatch):
    readme, results = tmp_path / "README.md", tmp_path / "results.json"
    readme.write_text("before\n<!-- evaluation: written by x -->\nold\n<!-- end of evaluation -->\nafter\n")
    free = {"photos": 20, "pixels": 0.0123, "photos_over_1_percent": 0.35}
    ours = {"name": "ours.tflite", "summary": summary(0.97, free)}
    results.write_text(json.dumps(ours | {"beside": [{"name": "theirs", "summary": summary(0.98, free)}]}))
    monkeypatch.setattr(evaluation, "README", readme)
    assert evaluation.main([str(results)]) == 0
    lines = readme.read_text().splitlines()
    assert lines[0] == "before" and lines[-1] == "after" and "old" not in lines
    assert "| selfies (picsart, 7) | ours.tflite | 0.9700 [0.9600, 0.9800] | 0.9700 [0.9600, 0.9800] |" in lines
    assert "|  | theirs | 0.9800 [0.9700, 0.9900] | 0.9800 [0.9700, 0.9900] |" in lines
    assert "| mine (mine, 20) | ours.tflite | 1.23% | 35% |" in lines


@pytest.mark.parametrize("content", ["junk", "{}", "[]", None])
def test_what_is_no_evaluation_is_named_and_the_readme_stays(tmp_path, monkeypatch, capsys, content):
    monkeypatch.setattr(evaluation, "README", tmp_path / "README.md")
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    assert evaluation.main([str(tmp_path / "results.json")]) == 2
    error = capsys.readouterr().err
    assert "results.json: not a results.json of training.evaluate" in error and error.count("\n") == 1
