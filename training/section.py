"""Figures in a Markdown file, between the markers of a section that a command writes."""

import re

from tfseg.replacing import replacing


def with_section(path, name, text):
    """The content of a Markdown file with another text in one of its sections.

    Args:
        path: of the file, as `pathlib.Path`.
        name: of the section, which stands between `<!-- NAME: written by ... -->` and `<!-- end of NAME -->`.
        text: Markdown.

    Returns:
        The whole new content; the file stays as it is.

    Raises:
        ValueError: the file has no such section.
    """
    begin, end = rf"<!-- {re.escape(name)}: [^>]*-->", f"<!-- end of {re.escape(name)} -->"
    found = re.search(f"({begin}).*?({end})", page := path.read_text(), re.DOTALL)
    if not found:
        raise ValueError(f"{path}: has no section between <!-- {name}: ... --> and <!-- end of {name} -->.")
    return f"{page[: found.end(1)]}\n\n{text}\n\n{page[found.start(2) :]}"


def rewrite(path, name, text):
    """Puts another text into a section of a Markdown file; arguments and errors as of `with_section`."""
    page = with_section(path, name, text)
    with replacing(path) as temporary:
        temporary.write_text(page)
