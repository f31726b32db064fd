"""The scores of an evaluation in README.md.

    python -m training.publication runs/evaluation/results.json

They stand in the section "evaluation", with the other models of the evaluation beside ours.
"""

import json
import sys
from pathlib import Path

from training.section import rewrite
from training.summary import with_interval

README = Path(__file__).parents[1] / "README.md"
SETS = {
    "picsart": "selfies",
    "pfcn": "portraits",
    "wild": "web photos of an origin not trained on",
    "coco": "everyday scenes",
    "ccp": "street fashion, full body",
    "empty": "streets and rooms",
}


def main(arguments=None):
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1:
        print("training.publication: name one results.json of training.evaluate.", file=sys.stderr)
        return 2
    try:
        results = json.loads(Path(arguments[0]).read_text())
        text = compared([results, *results["beside"]])
    except (OSError, ValueError, KeyError, TypeError) as error:
        fault = f"{arguments[0]}: not a results.json of training.evaluate: {error}"
        print(f"training.publication: {fault}", file=sys.stderr)
        return 2
    rewrite(README, "evaluation", text)
    return 0


def compared(contents):
    """What every model reached on every set, as Markdown.

    Args:
        contents: list of dicts with "name" and "summary", as `training.evaluate` writes them.

    Returns:
        Two tables: Dice and boundary F where people are, and what was taken for a person where nobody is.
    """
    people = ["| photos | model | Dice [95 %] | boundary F [95 %] |", "|---|---|---|---|"]
    nobody = [
        "| photos without a person | model | pixels taken for one | photos with more than 1 % |",
        "|---|---|---|---|",
    ]
    for folder in contents[0]["summary"]:
        name = Path(folder).name
        title = f"{SETS.get(name, name)} ({name}, {contents[0]['summary'][folder]['photos']})"
        for rank, content in enumerate(contents):
            summary, shown = content["summary"][folder], "" if rank else title
            if "dice" in summary:
                scores = " | ".join(with_interval(summary[score]) for score in ("dice", "boundary_f"))
                people.append(f"| {shown} | {content['name']} | {scores} |")
            if "person_free" in summary:
                free = summary["person_free"]
                nobody.append(
                    f"| {shown} | {content['name']} | {free['pixels']:.2%} | {free['photos_over_1_percent']:.0%} |"
                )
    return "\n".join(people) + "\n\n" + "\n".join(nobody)


if __name__ == "__main__":
    sys.exit(main())
