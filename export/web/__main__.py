"""Write a static page that cuts people out of photos and of the camera's picture on the visitor's device.

    python -m export.web --out site
    python -m http.server -d site        # then open http://localhost:8000

Any static host will do. LiteRT.js comes from the npm registry, once, and is kept in a cache.
"""

import argparse
import sys
from pathlib import Path

from export.web.site import build
from tfseg.console import OneLineParser
from tfseg.segmenter import BUNDLED


def main(arguments=None):
    parser = OneLineParser(prog="export.web", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="DIR", help="the site; one that is there already is replaced")
    parser.add_argument("--bundle", default=BUNDLED, metavar="DIR", help="of the model (default: the shipped one)")
    options = parser.parse_args(arguments)
    try:
        size = build(Path(options.out), Path(options.bundle))
    except (ValueError, ImportError, OSError) as error:
        print(f"export.web: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}/: {size / 1e6:.1f} MB; to look at it: python -m http.server -d {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
