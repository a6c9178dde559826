"""The part of building and removing that must run as root, or inside the keeper's user namespace."""

import sys
from pathlib import Path

from .building import build, remove
from .namespaces import LabError

if __name__ == "__main__":
    try:
        if sys.argv[1] == "build":
            build(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
        else:
            remove(Path(sys.argv[2]))
    except (LabError, OSError) as fault:
        sys.exit(str(fault))
