"""Every test that a table of threats in docs names exists."""

import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
missing = []
found = 0
tables = [*root.glob("docs/004-*.md"), *root.glob("docs/03?-*.md")]
for line in (line for table in tables for line in table.read_text().splitlines()):
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
    sys.exit(f"a table of threats names what does not exist: {missing or 'too little'}")
print(f"threats: {found} files and tests, all there")
