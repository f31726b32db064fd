"""A benchmark against an older one: what got slower than noise?"""

import json
from pathlib import Path

import numpy as np

SLOWER = 1.05  # a smaller change is not worth an alarm, however sure
DRAWS = 2000


def read_benchmark(path):
    """The content of a benchmark.json. Raises ValueError when it is none."""
    try:
        content = json.loads(Path(path).read_text())
        for row in content["rows"]:
            (row["name"], row["delegate"], row["threads"], row["samples"], row["ms"])
        return content
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a benchmark.json of export.benchmark: {error!r}") from error


def compare(old, new):
    """Ratios of the times of rows that both benchmarks hold.

    Args:
        old, new: contents of benchmark.json.

    Returns:
        list of dicts: name, delegate, threads, time ("infer", or "whole" where that alone is known), ratio of the
        medians new / old, bootstrap 95 % `interval` of it, `slower`: the whole interval lies above 1 and the ratio
        above `SLOWER`; `changed`: the model is another file.
    """
    before = {_key(row): row for row in old["rows"]}
    compared = []
    for row in new["rows"]:
        other = before.get(_key(row))
        if other is None:
            continue
        time = next((t for t in ("infer", "whole") if row["samples"].get(t) and other["samples"].get(t)), None)
        if time is None:
            continue
        ratio, interval = _ratio(other["samples"][time], row["samples"][time])
        slower = interval[0] > 1 and ratio > SLOWER
        changed = row.get("sha256") != other.get("sha256")
        key = dict(zip(("name", "delegate", "threads"), _key(row), strict=True))
        compared.append(
            key | {"time": time, "ratio": ratio, "interval": interval, "slower": slower, "changed": changed}
        )
    return compared


def comparison_table(compared):
    """What `compare` gave as a Markdown table, and what all rows have in common."""
    lines = ["| model | delegate | threads | time | new / old [95 %] | |", "|---|---|---|---|---|---|"]
    for row in compared:
        low, high = row["interval"]
        notes = ["SLOWER"] * row["slower"] + ["another file"] * row["changed"]
        lines.append(
            f"| {row['name']} | {row['delegate']} | {row['threads']} | {row['time']} "
            f"| {row['ratio']:.2f} [{low:.2f}, {high:.2f}] | {', '.join(notes)} |"
        )
    common = float(np.median([row["ratio"] for row in compared]))
    lines += ["", f"median ratio {common:.2f}: what all rows share may be the machine's and not the code's."]
    return "\n".join(lines)


def _ratio(old, new):
    old, new, rng = np.asarray(old), np.asarray(new), np.random.default_rng(0)
    draws = [np.median(values[rng.integers(0, len(values), (DRAWS, len(values)))], axis=1) for values in (old, new)]
    return float(np.median(new) / np.median(old)), np.percentile(draws[1] / draws[0], [2.5, 97.5]).tolist()


def _key(row):
    return row["name"], row["delegate"], row["threads"]
