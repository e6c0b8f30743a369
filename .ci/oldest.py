"""Print the oldest versions that pyproject.toml allows, as requirements for pip: of what the package needs, and of what
its tests need.
"""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
for each in [*project["dependencies"], *extras["report"], *extras["test"]]:
    if not each.startswith(project["name"]):
        print(re.sub(r">=([\d.]+).*", r"==\1", each))
