"""A cluster of somebody's, named by a kubeconfig, instead of a control plane of our own.

The cluster gives its API server, etcd, controllers and admission; the tests' node agent joins as
one more node and runs the tests' pods, as on our own. Its scheduler leaves them alone: they
name another one. What is made stands in namespaces of its own and is removed at the end.

    TRADEWIND_KUBE_CLUSTER       a kubeconfig whose user may do everything (kind's is one)
    TRADEWIND_KUBE_NODE_ADDRESS  where the cluster's API server reaches this machine, for logs
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from kubernetes import client, config

from tests.kube.cluster import USERS, Cluster
from tradewind.clock import SystemClock

KUBECONFIG = "TRADEWIND_KUBE_CLUSTER"
_NODE_ADDRESS = "TRADEWIND_KUBE_NODE_ADDRESS"
_LONGEST_RUN_S = 7200


@contextmanager
def attached(kubeconfig: Path) -> Iterator[Cluster]:
    """Use a cluster: as a user for each of the tests', with a token of its own."""
    untyped: Any = config
    api: Any = untyped.new_client_from_config(config_file=str(kubeconfig))
    settings = api.configuration
    name = f"tradewind-tests-{secrets.token_hex(4)}"
    core: Any = client.CoreV1Api(api)
    rbac: Any = client.RbacAuthorizationV1Api(api)
    with tempfile.TemporaryDirectory(prefix="tradewind-kube-") as folder:
        core.create_namespace({"metadata": {"name": name}})
        try:
            tokens = {user: _account(core, name, user) for user in ("admin", *USERS)}
            rbac.create_cluster_role_binding(_everything(name))
            home = Path(folder)
            _write_certificates(home, Path(settings.ssl_ca_cert))
            names = {user: f"system:serviceaccount:{name}:{user}" for user in tokens}
            address = os.environ.get(_NODE_ADDRESS, "127.0.0.1")
            yield Cluster(
                home, settings.host, tokens, usernames=names, node=name, node_address=address
            )
        finally:
            rbac.delete_cluster_role_binding(name)
            core.delete_node(name) if _is_node(core, name) else None
            for each in core.list_namespace(label_selector=f"tests={name}").items:
                core.delete_namespace(each.metadata.name)
            core.delete_namespace(name)


def _account(core: Any, namespace: str, user: str) -> str:
    core.create_namespaced_service_account(namespace, {"metadata": {"name": user}})
    wanted = {"spec": {"audiences": [], "expirationSeconds": _LONGEST_RUN_S}}
    given = core.create_namespaced_service_account_token(user, namespace, wanted)
    token: str = given.status.token
    return token


def _everything(name: str) -> dict[str, Any]:
    subject = {"kind": "ServiceAccount", "name": "admin", "namespace": name}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    return {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]}


def _is_node(core: Any, name: str) -> bool:
    return any(node.metadata.name == name for node in core.list_node().items)


def _write_certificates(folder: Path, authority: Path) -> None:
    """Write the certificate of the tests' own servers; both it and the cluster's are trusted."""
    certs = folder / "certs"
    certs.mkdir()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tradewind tests")])
    now = SystemClock().now()
    local = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(local, critical=False)
        .sign(key, hashes.SHA256())
    )
    text = certificate.public_bytes(serialization.Encoding.PEM)
    (certs / "apiserver.crt").write_bytes(text)
    (certs / "apiserver.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    (certs / "trusted.crt").write_bytes(authority.read_bytes() + b"\n" + text)
