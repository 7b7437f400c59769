"""A real kube-apiserver over a real etcd, on loopback and free ports, thrown away afterwards."""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import urllib3
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.kube.rest import Rest
from tools import kube_assets
from tradewind.clock import SystemClock

ROOT = Path(__file__).resolve().parents[2]
START_S = 120.0
USERS = ("executor", "outsider")
"""Beside `admin`, who may do everything; these have no right until a test gives them one."""


_DYING_WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""A prefix: nothing is left behind when the tests are killed."""


class Missing(Exception):
    """There is no control plane to test with; the message says what to do."""


class Cluster:
    """A running API server."""

    def __init__(
        self,
        folder: Path,
        address: str,
        tokens: dict[str, str],
        *,
        etcd: int = 0,
        usernames: Mapping[str, str] | None = None,
        node: str = "node-1",
        node_address: str = "127.0.0.1",
    ) -> None:
        """Take note of one that runs.

        Args:
            folder: with `certs`: a certificate and key for 127.0.0.1, and the one to trust.
            address: of the API server.
            tokens: by user.
            etcd: its port; 0: it is not ours to speak to.
            usernames: as the API server names the users, where that is not as we do.
            node: name of the tests' node.
            node_address: where the API server reaches it.
        """
        self.folder = folder
        self.address = address
        self.node, self.node_address = node, node_address
        self._etcd = f"http://127.0.0.1:{etcd}"
        certs = folder / "certs"
        own = certs / "trusted.crt"
        self.ca_file = own if own.exists() else certs / "apiserver.crt"
        self._tokens = tokens
        self._usernames = usernames or {}
        self.admin = self.client("admin")

    def client(self, user: str) -> Rest:
        """Return a client that acts as a user."""
        return Rest(self.address, str(self.ca_file), self._tokens[user])

    def username(self, user: str) -> str:
        """Return what the API server calls a user."""
        return self._usernames.get(user, user)

    def kubeconfig(self, user: str, address: str | None = None) -> Path:
        """Write a kubeconfig for a user and return its path; address: of a proxy in front."""
        path = self.folder / f"kubeconfig-{user}-{uuid.uuid4().hex[:6]}"
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [
                        {
                            "name": "test",
                            "cluster": {
                                "server": address or self.address,
                                "certificate-authority": str(self.ca_file),
                            },
                        }
                    ],
                    "users": [{"name": user, "user": {"token": self._tokens[user]}}],
                    "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
                    "current-context": "test",
                }
            )
        )
        return path

    def compact(self) -> None:
        """Make etcd forget all that was before now, as it does every few minutes in use."""
        with urllib3.PoolManager(retries=False) as etcd:
            now = etcd.request("POST", f"{self._etcd}/v3/kv/range", json={"key": "AA=="}).json()
            forget = {"revision": now["header"]["revision"], "physical": True}
            done = etcd.request("POST", f"{self._etcd}/v3/kv/compaction", json=forget)
            assert done.status == 200, done.data

    def namespace(self) -> str:
        """Make a namespace with its default service account, and return its name."""
        name = f"t-{secrets.token_hex(4)}"
        labels = {"tests": self.node}
        self.admin.must(
            "POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}}
        )
        account = {"metadata": {"name": "default"}}
        # Where controllers run, one of them may have been faster.
        status, told = self.admin.call(
            "POST", f"/api/v1/namespaces/{name}/serviceaccounts", account
        )
        assert status in {201, 409}, told
        return name


@contextmanager
def running(*more: str) -> Iterator[Cluster]:
    """Start a control plane.

    Args:
        more: flags of kube-apiserver.

    Raises:
        Missing: there is none; the message says how to get one.
    """
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="tradewind-kube-") as name:
        folder = Path(name)
        tokens = {user: secrets.token_hex(16) for user in ("admin", *USERS)}
        _write_credentials(folder, tokens)
        port, etcd, peer = _free_ports(3)
        commands = _commands(programs, folder, port, etcd, peer, more)
        with (folder / "log").open("wb") as log:
            processes = [
                subprocess.Popen([*_DYING_WITH_US, *command], stdout=log, stderr=log, cwd=folder)
                for command in commands
            ]
        try:
            address = f"https://127.0.0.1:{port}"
            _wait_until_ready(address, tokens["admin"], processes, folder / "log")
            yield Cluster(folder, address, tokens, etcd=etcd)
        finally:
            # Not asked to stop: it would wait a long time for watches to end, for nobody's good.
            for process in processes:
                process.kill()
                process.wait()


def _programs() -> list[Path]:
    given = kube_assets.given()
    if given is not None:
        found = [given / "etcd", given / "kube-apiserver"]
        missing = [path for path in found if not path.exists()]
        if missing:
            raise Missing(f"KUBEBUILDER_ASSETS: there is no {missing[0]}")
        return found
    built = kube_assets.built(kube_assets.CONTROL_PLANE)
    if not built.exists():
        raise Missing("no Kubernetes control plane to test with: run `make kube-assets` (needs Go)")
    return [built]


def _commands(
    programs: list[Path], folder: Path, port: int, etcd: int, peer: int, more: Sequence[str]
) -> list[list[str]]:
    data = str(folder / "etcd")
    flags = [
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--cert-dir={folder / 'certs'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'accounts.key'}",
        f"--service-account-signing-key-file={folder / 'accounts.key'}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--kubelet-preferred-address-types=InternalIP",
        "--etcd-compaction-interval=0",
        *more,
    ]
    if len(programs) == 1:
        return [[str(programs[0]), data, str(etcd), str(peer), *flags]]
    url, peer_url = f"http://127.0.0.1:{etcd}", f"http://127.0.0.1:{peer}"
    return [
        [
            str(programs[0]),
            f"--data-dir={data}",
            "--unsafe-no-fsync",
            "--log-level=error",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=default={peer_url}",
        ],
        [str(programs[1]), f"--etcd-servers={url}", *flags],
    ]


def _write_credentials(folder: Path, tokens: dict[str, str]) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (folder / "accounts.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    lines = [
        f"{token},{user},{user}{',system:masters' if user == 'admin' else ''}"
        for user, token in tokens.items()
    ]
    (folder / "tokens.csv").write_text("\n".join(lines) + "\n")


def _wait_until_ready(
    address: str, token: str, processes: list[subprocess.Popen[bytes]], log: Path
) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + START_S
    headers = {"Authorization": f"Bearer {token}"}
    with warnings.catch_warnings(), urllib3.PoolManager(cert_reqs="CERT_NONE") as anyone:
        # Its certificate is written while it starts.
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        while clock.monotonic() < deadline:
            if any(process.poll() is not None for process in processes):
                break
            with contextlib.suppress(urllib3.exceptions.HTTPError):
                answer = anyone.request(
                    "GET", f"{address}/readyz", headers=headers, retries=False, timeout=5.0
                )
                if answer.status == 200:
                    return
            # It gives no signal when it is ready: it is asked until its process ends.
            with contextlib.suppress(subprocess.TimeoutExpired):
                processes[-1].wait(0.2)
    raise RuntimeError("the API server did not start:\n" + log.read_text()[-4000:])


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()
