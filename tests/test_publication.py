import pytest

from export.publication import BEGIN, END, publish

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


def test_the_project_itself_has_the_sections():
    from export.publication import ROOT, replaced

    for path in (ROOT / "README.md", ROOT / "docs" / "benchmarks.md"):
        assert "words" in replaced(path, "words")
