"""Build the control plane that the Kubernetes tests run against: etcd and kube-apiserver.

`python tools/kube_assets.py` builds `tests/kube/controlplane` (a Go module) with the Go toolchain
and the Go module proxy, once for each state of that module, into a folder outside the checkout:
TRADEWIND_KUBE_ASSETS, else ~/.cache/tradewind/kube. It takes minutes and some gigabytes of Go's
build cache. Where KUBEBUILDER_ASSETS names a folder with etcd and kube-apiserver, those are used
and nothing is built.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

MODULE = Path(__file__).resolve().parents[1] / "tests" / "kube" / "controlplane"


def main() -> None:
    if given() is not None:
        return
    program = built()
    if program.exists():
        return
    go = shutil.which("go")
    if go is None:
        print(
            "Go is missing, so the Kubernetes tests cannot run. Install it (go.dev, or apt install "
            "golang-go), or name a folder with etcd and kube-apiserver in KUBEBUILDER_ASSETS.",
            file=sys.stderr,
        )
        sys.exit(1 if os.environ.get("CI") else 0)
    print("Building the control plane of the Kubernetes tests …", file=sys.stderr)
    program.parent.mkdir(parents=True, exist_ok=True)
    fresh = program.with_name(f"{program.name}.{os.getpid()}")
    done = subprocess.run(
        [go, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", str(fresh), "."],
        cwd=MODULE,
        check=False,
    )
    if done.returncode:
        sys.exit("the control plane was not built; is Go's module proxy reachable?")
    fresh.replace(program)
    print(f"Built {program}", file=sys.stderr)


def given() -> Path | None:
    """Return the folder of ready-made programs, if one is named."""
    named = os.environ.get("KUBEBUILDER_ASSETS")
    return Path(named) if named else None


def built() -> Path:
    """Return where the program of this state of the module is, or will be."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum", "main.go"):
        digest.update((MODULE / name).read_bytes())
    home = os.environ.get("TRADEWIND_KUBE_ASSETS")
    folder = Path(home) if home else Path.home() / ".cache" / "tradewind" / "kube"
    return folder / f"controlplane-{digest.hexdigest()[:12]}"


if __name__ == "__main__":
    main()
