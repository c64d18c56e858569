"""Every test that the tables of threats name exists."""

import pathlib
import re
import sys

DOCUMENTS = [
    "docs/004-threats.md",
    "docs/034-rights.md",
]
root = pathlib.Path(__file__).resolve().parent.parent
missing = []
found = 0
for line in "\n".join((root / document).read_text() for document in DOCUMENTS).splitlines():
    cells = line.split(" | ")
    if not line.startswith("|") or len(cells) != 4 or "`" not in cells[3]:
        continue
    text = None
    for name in re.findall(r"`([^`]+)`", cells[3]):
        path = root / name
        if "/" in name:
            text = path.read_text() if path.is_file() else None
            missing += [] if text else [name]
        elif text is None or not re.search(rf"\bfn {re.escape(name)}\b", text):
            missing.append(name)
        found += 1
if missing or found < 30:
    sys.exit(f"the tables of threats name what does not exist: {missing or 'too little'}")
print(f"threats: {found} files and tests, all there")
