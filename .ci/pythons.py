"""Print the Pythons of this machine that are newer than this one and known to the installed numba, the newest first:
a line each, what to call.
"""

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ASK = "import ensurepip, sys, venv; print(sys.version_info.minor)"


def places():
    """Folders that hold commands: those of PATH, and of pyenv's versions, which its own commands hide."""
    yield from os.environ.get("PATH", "").split(os.pathsep)
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(map(str, root.glob("versions/3.*/bin")), reverse=True)


known = {int(each.rpartition(".")[2]) for each in metadata.metadata("numba").get_all("Classifier")
         if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", each)}
found: dict[int, str] = {}
for place in places():
    for minor in known - set(found):
        path = Path(place, f"python3.{minor}")
        if minor > sys.version_info.minor and os.access(path, os.X_OK):
            asked = subprocess.run([path, "-c", ASK], capture_output=True, text=True)
            if asked.stdout.strip() == str(minor):
                found[minor] = str(path)
for minor in sorted(found, reverse=True):
    print(found[minor])
