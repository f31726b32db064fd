"""What a .keras checkpoint holds, looked at before Keras unpacks it: three members of modest size, and arrays alone.

check_archive("best_dice.keras")    ends well, or in ValueError
"""

import io
import zipfile
import zlib

MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
MAX_BYTES = 2_000_000_000  # of all members, unpacked
MAX_ITEMS = 100_000  # arrays and groups
MAX_RATIO = 100  # of a member, unpacked to packed; weights hardly shrink at all


def check_archive(path):
    """Refuses a zip bomb, a member that is no checkpoint's, and weights that lie in other files or are none.

    Args:
        path: of the checkpoint.

    Raises:
        ValueError: as described, or it cannot be read; the message names the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(members, path)
            weights = io.BytesIO(archive.read("model.weights.h5"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: damaged, no .keras checkpoint: {error}") from error
    _check_weights(weights, path)


def _check_members(members, path):
    names = [member.filename for member in members]
    if sorted(names) != sorted(MEMBERS):
        raise ValueError(f"{path}: a .keras checkpoint holds {', '.join(sorted(MEMBERS))}; this one {names[:6]}.")
    if (total := sum(member.file_size for member in members)) > MAX_BYTES:
        raise ValueError(f"{path}: {total:,} bytes when unpacked; the limit is {MAX_BYTES:,}.")
    for member in members:
        if member.file_size > MAX_RATIO * max(member.compress_size, 1):
            raise ValueError(
                f"{path}: {member.filename} unpacks to {member.file_size:,} bytes out of {member.compress_size:,}, "
                f"more than {MAX_RATIO} times; no checkpoint does."
            )


def _check_weights(content, path):
    import h5py

    total, groups, seen = 0, [], 0
    try:
        with h5py.File(content, "r") as file:
            groups.append(file)
            while groups:
                group = groups.pop()
                for name in group:
                    seen += 1
                    if not isinstance(group.get(name, getlink=True), h5py.HardLink) or seen > MAX_ITEMS:
                        raise ValueError(f"{path}: its weights refer to other places, or in a circle.")
                    item = group[name]
                    if isinstance(item, h5py.Group):
                        groups.append(item)
                        continue
                    total += item.size * item.dtype.itemsize
                    if item.external or item.is_virtual or total > MAX_BYTES:
                        raise ValueError(f"{path}: its weights lie in other files, or claim over {MAX_BYTES:,} bytes.")
    except ValueError:
        raise
    except Exception as error:  # a damaged HDF5 file raises whatever its reader raises
        raise ValueError(f"{path}: its weights are damaged: {error}") from error
