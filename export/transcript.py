"""What TensorFlow's `benchmark_model` prints, read."""

import re

from export.probe import read_log

XNNPACK = "TfLiteXNNPackDelegate"
PEAK, GROWN = "Overall peak memory footprint", "Memory footprint delta"  # the first is printed where it was asked for


def read_transcript(output, delegate):
    """What `benchmark_model` printed, for a row.

    Args:
        output: text, both streams.
        delegate: what the delegate that was asked for calls itself.

    Returns:
        dict with `status`, `ms` (empty where there is no time of this delegate), and what else was printed.
    """
    took = re.search(rf"Replacing (\d+) out of (\d+) node\(s\) with delegate \({delegate}\)", output)
    refused = read_log(output)["refused"]
    found = {"delegated": int(took[1]) if took else 0, "refused": list(refused), "ms": {}}
    if took:
        found["operators"] = int(took[2])
    counts = re.findall(r"count=\d+ first=.*", output)
    summary = re.search(
        r"Inference timings in us: Init: (\S+), First inference: (\S+), .*Inference \(avg\): (\S+)", output
    )
    if not counts or not summary:
        errors = re.findall(r"^.*(?:ERROR|[Ff]ailed|[Cc]annot|not found|Segmentation).*$", output, re.M)
        words = errors or output.strip().splitlines() or ["nothing was printed"]
        return found | {"status": f"no time: {words[0].strip()[:160]}"}
    if "will not be executed by the delegate" in output or not took:
        return found | {"status": f"refused: {delegate} took no operator, the CPU ran instead; not quoted"}
    numbers = {key: float(value) / 1000 for key, value in re.findall(r"(\w+)=([\d.e+]+)", counts[-1])}
    percentiles = "median" in numbers
    low, middle, high = ("p5", "median", "p95") if percentiles else ("min", "avg", "max")
    found["ms"] = {"infer": {"p5": numbers[low], "median": numbers[middle], "p95": numbers[high]}}
    found["load_ms"], found["first_ms"] = float(summary[1]) / 1000, float(summary[2]) / 1000
    memory = {name: float(value) for name, value in re.findall(rf"({PEAK}|{GROWN}).*?([\d.]+)\s*$", output, re.M)}
    found["peak_mb"] = memory.get(PEAK, memory.get(GROWN))
    left = found["operators"] - found["delegated"]
    share = f"partly delegated, {left} left to the CPU: {' '.join(refused)}" if left else "fully delegated"
    if delegate == XNNPACK:  # the CPU's own, which leaves nothing to another processor
        share = "timed"
    return found | {"status": share if percentiles else f"{share}; mean, least and most, no percentiles"}
