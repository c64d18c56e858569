"""Every test that a table of threats in docs/ names exists."""

import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
missing = []
found = {}
for document in sorted((root / "docs").glob("*.md")):
    lines = document.read_text().splitlines()
    if not any(line.startswith("| who tries |") for line in lines):
        continue
    found[document.name] = 0
    for line in lines:
        cells = line.split(" | ")
        if not line.startswith("|") or len(cells) != 4 or "`" not in cells[3]:
            continue
        text = None
        for name in re.findall(r"`([^`]+)`", cells[3]):
            path = root / name
            if "/" in name:
                text = path.read_text() if path.is_file() else None
                missing += [] if text else [f"{document.name}: {name}"]
            elif text is None or not re.search(rf"\bfn {re.escape(name)}\b", text):
                missing.append(f"{document.name}: {name}")
            found[document.name] += 1
if missing or found.get("004-threats.md", 0) < 30 or 0 in found.values():
    sys.exit(f"docs/ names what does not exist: {missing or f'too little: {found}'}")
print(f"threats: {sum(found.values())} files and tests in {len(found)} documents, all there")
