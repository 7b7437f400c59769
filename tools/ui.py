"""Build the web UI: TypeScript in `ui/` to files in `src/tradewind/ui/dist`.

Needs Node 20.19+ or 22.12+ and the npm registry. What is built is committed, so only who changes
`ui/` needs them. Beside the files stands a hash of all that they were built from; a test
compares it, and another builds again and compares the bytes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UI = ROOT / "ui"
DIST = ROOT / "src" / "tradewind" / "ui" / "dist"
HASH = "SOURCE_HASH"
_SOURCES = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")


def main() -> None:
    build(DIST)
    (DIST / HASH).write_text(f"{source_hash()}\n")


def build(target: Path) -> None:
    """Check the types and build into a folder."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("The UI is built with Node 20.19+ or 22.12+ (npm); install it, then `make ui`.")
    if not (UI / "node_modules" / ".package-lock.json").exists() or _is_stale():
        _run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    _run(npm, "exec", "--", "tsc", "--noEmit")
    _run(npm, "exec", "--", "vite", "build", "--outDir", str(target), "--logLevel", "warn")


def source_hash() -> str:
    """Return the hash of everything that the built files depend on."""
    digest = hashlib.sha256()
    folders = (UI / "src", UI / "public")
    files = [UI / name for name in _SOURCES]
    files += [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    for path in sorted(files):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(UI).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _is_stale() -> bool:
    made = (UI / "node_modules" / ".package-lock.json").stat().st_mtime
    return (UI / "package-lock.json").stat().st_mtime > made


def _run(*command: str) -> None:
    environment = {**os.environ, "CI": "true"}
    if subprocess.run(command, cwd=UI, env=environment, check=False).returncode:
        sys.exit(f"`{' '.join(command)}` failed")


if __name__ == "__main__":
    main()
