"""Files of any kind that are whole or not there at all, whatever stops the process that writes them."""

import contextlib
import os
import re
import secrets
from pathlib import Path


@contextlib.contextmanager
def replacing(path):
    """A temporary path beside `path` to write to; it takes the final name only when the block ends well."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(6)}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder):
    """Removes what `replacing` leaves in a folder when its process is killed."""
    for path in Path(folder).glob(".*"):
        if re.fullmatch(r"\.[0-9a-f]{12}(\.\w+)?", path.name):
            path.unlink()
