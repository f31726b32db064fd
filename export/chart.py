"""A benchmark as a picture."""

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from tfseg.replacing import replacing

COLOURS = {"preprocess": "#90caf9", "infer": "#c2185b", "postprocess": "#ffb74d", "not told apart": "#b0bec5"}


def plot_times(rows, title, path):
    """Draws a bar of stages for each row, with a whisker from the 5th to the 95th percentile of the whole.

    Args:
        rows: as of `export.timings`; those without times are left out, and of phones the network alone is known.
        title: above the bars.
        path: PNG to write.
    """
    rows = [row for row in rows if row["ms"]]
    panels = sorted({row["threads"] for row in rows})
    each = [[row for row in rows if row["threads"] == threads] for threads in panels]
    figure, axes = plt.subplots(
        max(1, len(panels)), 1, squeeze=False, sharex=True, figsize=(9, 1.6 + 0.38 * max(1, len(rows))),
        height_ratios=[len(some) for some in each] or [1],
    )  # fmt: skip
    for axis, threads, some in zip(axes[:, 0], panels, each, strict=False):
        for place, row in enumerate(some):
            _bar(axis, place, row["ms"])
        axis.set_yticks(range(len(some)), [f"{row['name']}, {row['delegate']}" for row in some], fontsize=8)
        axis.invert_yaxis()
        axis.set_title(f"{threads} threads" if threads > 1 else "1 thread", fontsize=9, loc="left")
        axis.grid(axis="x", alpha=0.3)
        axis.set_xlim(left=0)
    axes[-1, 0].set_xlabel("ms from photo to mask: median; whisker: 5th to 95th percentile")
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in COLOURS.values()]
    figure.legend(handles, COLOURS, ncols=4, fontsize=8, loc="upper right")
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    figure.tight_layout()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)


def _bar(axis, place, ms):
    left, whole = 0.0, ms.get("whole") or ms["infer"]
    for stage in ("preprocess", "infer", "postprocess"):
        if stage in ms:
            axis.barh(place, ms[stage]["median"], left=left, color=COLOURS[stage])
            left += ms[stage]["median"]
    if "postprocess" not in ms:
        axis.barh(place, max(0.0, whole["median"] - left), left=left, color=COLOURS["not told apart"])
    low, high = whole["median"] - whole["p5"], whole["p95"] - whole["median"]
    axis.errorbar(whole["median"], place, xerr=[[low], [high]], color="black", capsize=3, linewidth=1)
