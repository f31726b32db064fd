"""What converted files lose against their checkpoint: means over photos, as a table beside what they may lose."""

from pathlib import Path

import numpy as np

# What a file loses: how it is called and written.
LOSSES = {
    "dice_drop": ("Dice drop", ".4f"),
    "boundary_f_drop": ("boundary F drop", ".4f"),
    "mean_difference": ("difference, mean", ".5f"),
    "max_difference": ("difference, max", ".3f"),
    "changed_side": ("pixels changing side", ".3%"),
}
BOUNDS = {"dice_drop": 0.001, "boundary_f_drop": 0.005, "changed_side": 0.003}


def summarise(rows):
    """The means over photos (the largest of max_difference) of a file's rows; NaN where no photo holds a person."""
    summary = {"photos": len(rows)}
    for name in ("dice", "boundary_f", *LOSSES):
        values = [row[name] for row in rows if row[name] is not None]
        combine = np.max if name == "max_difference" else np.mean
        summary[name] = float(combine(values)) if values else float("nan")
    return summary


def table(rows, bounds):
    """The summaries of `compare`'s answer as a Markdown table; what they may be at most in the last line."""
    lines = [["file", "photos", *(title for title, _ in LOSSES.values())], ["---"] * (2 + len(LOSSES))]
    for file, found in rows.items():
        summary = summarise(found)
        lines.append([Path(file).name, str(summary["photos"]), *(written(loss, summary[loss]) for loss in LOSSES)])
    lines.append(["at most", "", *(written(loss, bounds[loss]) if loss in bounds else "" for loss in LOSSES)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def worst(rows):
    """The three photos of a file on which most pixels change side, in words."""
    three = sorted(rows, key=lambda row: -row["changed_side"])[:3]
    return ", ".join(f"{Path(row['image']).name} ({written('changed_side', row['changed_side'])})" for row in three)


def written(loss, value):
    """A loss with as many digits as matter."""
    return format(value, LOSSES[loss][1])


def flag(loss):
    """The command-line option that bounds a loss."""
    return "--max-" + loss.replace("_", "-")
