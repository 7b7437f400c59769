"""Build the programs that the Kubernetes tests run: etcd with kube-apiserver, and helm.

`python tools/kube_assets.py` builds `tests/kube/controlplane` and `tests/kube/helm` (Go modules)
with the Go toolchain and the Go module proxy, once for each state of those modules, into a folder
outside the checkout: TRADEWIND_KUBE_ASSETS, else ~/.cache/tradewind/kube. It takes minutes and
some gigabytes of Go's build cache. Where KUBEBUILDER_ASSETS names a folder with etcd and
kube-apiserver, those are used and the first is not built; a `helm` in there, or on the PATH, is not
used: the version is part of the test.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

_KUBE = Path(__file__).resolve().parents[1] / "tests" / "kube"
CONTROL_PLANE = _KUBE / "controlplane"
HELM = _KUBE / "helm"

PACKAGES = {CONTROL_PLANE: ".", HELM: "helm.sh/helm/v3/cmd/helm"}
"""What is built in each module."""


def main() -> None:
    wanted = [HELM] if given() is not None else [CONTROL_PLANE, HELM]
    missing = [module for module in wanted if not built(module).exists()]
    if not missing:
        return
    go = shutil.which("go")
    if go is None:
        print(
            "Go is missing, so the Kubernetes tests cannot run. Install it (go.dev, or apt install "
            "golang-go), or name a folder with etcd and kube-apiserver in KUBEBUILDER_ASSETS.",
            file=sys.stderr,
        )
        sys.exit(1 if os.environ.get("CI") else 0)
    for module in missing:
        build(go, module)


def build(go: str, module: Path) -> None:
    program = built(module)
    print(f"Building {module.name} for the Kubernetes tests …", file=sys.stderr)
    program.parent.mkdir(parents=True, exist_ok=True)
    fresh = program.with_name(f"{program.name}.{os.getpid()}")
    flags = ["-trimpath", "-buildvcs=false", "-ldflags=-s -w"]
    command = [go, "build", *flags, "-o", str(fresh), PACKAGES[module]]
    if subprocess.run(command, cwd=module, check=False).returncode:
        sys.exit(f"{module.name} was not built; is Go's module proxy reachable?")
    fresh.replace(program)
    print(f"Built {program}", file=sys.stderr)


def given() -> Path | None:
    """Return the folder of ready-made programs, if one is named."""
    named = os.environ.get("KUBEBUILDER_ASSETS")
    return Path(named) if named else None


def built(module: Path) -> Path:
    """Return where the program of this state of a module is, or will be."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum", "main.go"):
        if (module / name).exists():
            digest.update((module / name).read_bytes())
    home = os.environ.get("TRADEWIND_KUBE_ASSETS")
    folder = Path(home) if home else Path.home() / ".cache" / "tradewind" / "kube"
    return folder / f"{module.name}-{digest.hexdigest()[:12]}"


if __name__ == "__main__":
    main()
