"""What the scores of many photos come to: means with intervals, by set and by model, as a table."""

import numpy as np

FALSE_PERSON_SHARE = 0.01  # a person-free photo with more than this taken for a person is counted as spoilt
SCORES = ("dice", "iou", "boundary_f", "mad")


def summarise(rows, seed=0):
    """Summary of a set.

    Returns:
        A dict with `photos`, and where persons are present for each score its `mean`, 5th percentile `p5` and
        bootstrap 95 % `interval` of the mean; with `person_free` photos their number, the mean share of pixels taken
        for a person and the share of photos over `FALSE_PERSON_SHARE`.
    """
    persons = [row for row in rows if not row["person_free"]]
    empty = np.array([row["false_person"] for row in rows if row["person_free"]])
    summary = {"photos": len(rows)}
    for score in SCORES if persons else ():
        values = np.array([row[score] for row in persons])
        draws = np.random.default_rng(seed).integers(0, len(values), (1000, len(values)))
        interval = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
        summary[score] = {"mean": values.mean(), "p5": np.percentile(values, 5), "interval": interval.tolist()}
    if len(empty):
        spoilt = float((empty > FALSE_PERSON_SHARE).mean())
        summary["person_free"] = {"photos": len(empty), "pixels": empty.mean(), "photos_over_1_percent": spoilt}
    return summary


def table(summaries):
    """The summaries as a Markdown table; sets in rows."""
    lines = [
        "| photos | n | Dice [95 %] | Dice p5 | IoU | boundary F [95 %] | MAD |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, summary in summaries.items():
        if "dice" in summary:
            score, edge = summary["dice"], summary["boundary_f"]
            lines.append(
                f"| {name} | {summary['photos'] - summary.get('person_free', {}).get('photos', 0)} "
                f"| {with_interval(score)} | {score['p5']:.3f} "
                f"| {summary['iou']['mean']:.4f} "
                f"| {with_interval(edge)} "
                f"| {summary['mad']['mean']:.4f} |"
            )
        if "person_free" in summary:
            free = summary["person_free"]
            lines.append(
                f"| {name}, person-free | {free['photos']} | false person: {free['pixels']:.2%} of pixels, "
                f"{free['photos_over_1_percent']:.1%} of photos over 1 % | | | | |"
            )
    return "\n".join(lines)


def with_interval(score):
    """A mean and its interval, as the tables show them."""
    low, high = score["interval"]
    return f"{score['mean']:.4f} [{low:.4f}, {high:.4f}]"


def beside(contents):
    """Summaries of several models by set, then by model, for `table`; of one model by set alone."""
    if len(contents) == 1:
        return contents[0]["summary"]
    return {f"{name}, {one['name']}": one["summary"][name] for name in contents[0]["summary"] for one in contents}
