"""What many timed runs come to: medians with percentiles, as a Markdown report and as CSV.

A row is a model on a delegate: a dict with name, delegate, threads, status, what was found once (`FOUND`) and "ms", by
time a dict of median, p5 and p95.
"""

import csv
import io

import numpy as np

STAGES = ("decode", "preprocess", "infer", "postprocess")
TIMES = (*STAGES, "whole", "total")  # whole: photo to mask; total: with decoding
STATISTICS = {"p5": 5, "median": 50, "p95": 95}
FOUND = ("load_ms", "first_ms", "peak_mb", "bytes", "macs", "delegated", "operators", "dice", "agreement_dice",
         "agreement_least", "agreement_max", "agreement_photos", "sha256")  # fmt: skip


def summarise(samples):
    """Median, 5th and 95th percentile of each time.

    Args:
        samples: time to list of milliseconds; empty where it cannot be told.

    Returns:
        time to `{"p5", "median", "p95"}`, without the empty ones.
    """
    return {
        name: dict(zip(STATISTICS, np.percentile(values, list(STATISTICS.values())).tolist(), strict=True))
        for name, values in samples.items()
        if values
    }


def as_csv(rows):
    """One line a row; times in milliseconds."""
    columns = [f"{name}_{statistic}" for name in TIMES for statistic in STATISTICS]
    stream = io.StringIO()
    fields = ("name", "delegate", "threads", "status", *FOUND)
    writer = csv.DictWriter(stream, (*fields, *columns), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        times = {f"{name}_{key}": value for name, each in row["ms"].items() for key, value in each.items()}
        writer.writerow({field: row.get(field) for field in fields} | times)
    return stream.getvalue()


def as_markdown(content):
    """The whole report: command and machine, the tables of times, of what was found once, and of whole commands."""
    parts = [
        f"`{content['command']}`",
        "; ".join(f"{key}: {value}" for key, value in content["machine"].items()),
        times_table(content["rows"]),
        found_table(content["rows"]),
        jobs_table(content["jobs"]),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def times_table(rows):
    """Milliseconds by stage. The last column is `relative`."""
    lines = [
        "| model | delegate | threads | decode | pre | infer | post | photo to mask: median [p5, p95] | relative |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [row["name"], row["delegate"], row["threads"]]
        if row["ms"]:
            cells += [f"{row['ms'][stage]['median']:.1f}" if stage in row["ms"] else "" for stage in STAGES]
            whole, ratio = row["ms"].get("whole"), relative(row, rows)
            if whole is None:  # a phone's tool times the network alone
                cells[-2] = _spread(row["ms"]["infer"])
            cells.append(_spread(whole) if whole else "")
            cells.append(f"{ratio:.2f}" if ratio else "")
        else:
            cells += [row["status"], "", "", "", "", ""]
        lines.append(_line(cells))
    return "\n".join(lines)


def relative(row, rows):
    """How many times as long a row takes as the first one with its number of threads.

    Networks are compared by themselves; a peer that cannot tell its network apart, from photo to mask.
    """
    first = next((one for one in rows if one["ms"] and one["threads"] == row["threads"]), None)
    for name in ("infer", "whole"):
        if first and name in row["ms"] and name in first["ms"]:
            return row["ms"][name]["median"] / first["ms"][name]["median"]
    return None


def found_table(rows):
    """What was found of each row beside its times."""
    lines = [
        "| model | delegate | threads | MB | GMAC | load ms | first ms | peak MB | operators delegated | Dice "
        "| agreement with the CPU | |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        share = f"{row['delegated']} of {row['operators']}" if row.get("operators") else ""
        agreement = ""
        if row.get("agreement_dice") is not None:
            agreement = f"Dice {row['agreement_dice']:.4f}"
            if row["agreement_photos"] > 1:
                agreement += f", least {row['agreement_least']:.4f} of {row['agreement_photos']} photos"
            agreement += f", at most {row['agreement_max']:.2g} apart"
        numbers = [
            _shown(row.get(name), unit, digits)
            for name, unit, digits in (
                ("bytes", 1e6, 2), ("macs", 1e9, 3), ("load_ms", 1, 0), ("first_ms", 1, 0), ("peak_mb", 1, 0)
            )
        ]  # fmt: skip
        head = [row["name"], row["delegate"], row["threads"]]
        lines.append(_line([*head, *numbers, share, _shown(row.get("dice"), 1, 3), agreement, row["status"]]))
    return "\n".join(lines)


def jobs_table(jobs):
    """Whole commands: milliseconds by stage and what it comes to; empty without any."""
    if not jobs:
        return ""
    lines = ["| whole command | ms by stage: median | in all |", "|---|---|---|"]
    for job in jobs:
        stages = ", ".join(f"{stage} {value:.1f}" for stage, value in job["stages"].items())
        lines.append(_line([job["name"], stages, job["result"]]))
    return "\n".join(lines)


def _spread(times):
    return f"{times['median']:.1f} [{times['p5']:.1f}, {times['p95']:.1f}]"


def _shown(value, unit, digits):
    return "" if value is None else f"{value / unit:.{digits}f}"


def _line(cells):
    return f"| {' | '.join(map(str, cells))} |"
