"""The JavaScript that the page runs on, fetched once from the npm registry and known by checksum."""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from tfseg.replacing import replacing

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfseg" / "npm"
TIMEOUT = 300  # seconds


class PackageError(ValueError):
    """A package that cannot be had; the message says what to do."""


class Package(NamedTuple):
    """One version of one npm package."""

    name: str
    version: str
    sha512: str  # of the tarball, in base64, as npm's lock files have it

    @property
    def archive(self):
        """What npm calls the tarball."""
        return f"{self.name.lstrip('@').replace('/', '-')}-{self.version}.tgz"

    @property
    def url(self):
        return f"https://registry.npmjs.org/{self.name}/-/{self.name.split('/')[-1]}-{self.version}.tgz"


LITERT = Package(
    "@litertjs/core",
    "2.5.3",
    "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
)
WASM_UTILS = Package(
    "@litertjs/wasm-utils",
    "2.5.3",
    "4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
)


def read_package(package, cache=CACHE):
    """The files of a package.

    Args:
        package: `Package`.
        cache: folder that keeps tarballs; a package that is not there is fetched with `npm pack`.

    Returns:
        Path inside the package to bytes.

    Raises:
        PackageError: there is no npm, the registry is not reachable, or the tarball is another than the pinned one.
    """
    path = Path(cache) / package.archive
    if not path.exists():
        _fetch(package, path)
    content = path.read_bytes()
    if base64.b64encode(hashlib.sha512(content).digest()).decode() != package.sha512:
        raise PackageError(
            f"{path}: not {package.name} {package.version}: its sha512 is another. Delete the file and try again."
        )
    with tarfile.open(fileobj=BytesIO(content)) as archive:
        return {
            member.name.removeprefix("package/"): archive.extractfile(member).read()
            for member in archive
            if member.isfile()
        }


def _fetch(package, path):
    by_hand = f"Or download {package.url} to {path}."
    npm = shutil.which("npm")
    if npm is None:
        raise PackageError(f"{package.name} {package.version} is fetched with npm, which is not installed. {by_hand}")
    with replacing(path) as temporary:
        folder = temporary.with_suffix("")
        folder.mkdir()
        try:
            command = [npm, "pack", f"{package.name}@{package.version}", "--pack-destination", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, cwd=folder)
            if done.returncode:
                reason = next((line for line in done.stderr.splitlines() if "error" in line.lower()), "no reason given")
                raise PackageError(f"npm could not fetch {package.name} {package.version}: {reason.strip()}. {by_hand}")
            (folder / package.archive).replace(temporary)
        except subprocess.TimeoutExpired:
            raise PackageError(
                f"npm did not fetch {package.name} {package.version} in {TIMEOUT} s. {by_hand}"
            ) from None
        finally:
            shutil.rmtree(folder)
