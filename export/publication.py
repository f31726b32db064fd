"""The figures of a benchmark in README.md and docs/benchmarks.md."""

import shutil
from pathlib import Path

from export.timings import as_markdown, jobs_table, times_table
from tfseg.replacing import replacing
from training.section import with_section

ROOT = Path(__file__).parents[1]


def publish(content, folder, root=ROOT):
    """Rewrites the section "benchmark": the short table in README.md, the whole report in docs/benchmarks.md;
    and docs/benchmark.png.

    Args:
        content: of benchmark.json.
        folder: that holds benchmark.png.
        root: of the repository.

    Raises:
        ValueError: a file has no such markers.
    """
    machine = content["machine"]
    short = f"{machine['cpu']}, {machine['cores']} cores, {machine['date']}; ms, medians:"
    texts = {
        root / "README.md": "\n\n".join(
            filter(None, [short, times_table(content["rows"]), jobs_table(content["jobs"])])
        ),
        root / "docs" / "benchmarks.md": as_markdown(content).strip(),
    }
    pages = {path: with_section(path, "benchmark", text) for path, text in texts.items()}
    for path, page in pages.items():
        with replacing(path) as temporary:
            temporary.write_text(page)
    with replacing(root / "docs" / "benchmark.png") as temporary:
        shutil.copyfile(folder / "benchmark.png", temporary)
