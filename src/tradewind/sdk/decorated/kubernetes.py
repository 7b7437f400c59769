"""What `@task.kubernetes` makes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from tradewind.kube.template import PodJson
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.foreign_call import ForeignFiles, portable_context, source_of
from tradewind.sdk.operators.kubernetes import KubernetesPodOperator
from tradewind.sdk.pod_request import XCOM_FILE, base_container

_CALL = "TRADEWIND_CALL"
_LONGEST = 100_000
"""Linux takes an environment variable of 128 KiB."""

_UNPACK = (
    "import base64,json,os,sys,tempfile;"
    "d=tempfile.mkdtemp();"
    f"f=json.loads(os.environ.pop('{_CALL}'));"
    "[open(os.path.join(d,n),'wb').write(base64.b64decode(t)) for n,t in f.items()];"
    "os.execv(sys.executable,[sys.executable,os.path.join(d,'foreign_script.py'),d,*sys.argv[1:]])"
)
"""Lay the files down and run the script among them; for the Python of the image."""


class KubernetesDecoratedOperator(KubernetesPodOperator):
    """Call the decorated function in a pod.

    The image needs Python (3.8 or later) and what the function imports inside its body, nothing
    of Tradewind. What it returns goes back as JSON.

    Args:
        python_callable: the decorated function.
        op_args: its positional arguments.
        op_kwargs: its other arguments.
        serializer: how arguments go there: "pickle", "cloudpickle" or "dill".
        do_xcom_push: whether what it returns is wanted.
        kwargs: those of KubernetesPodOperator.
    """

    custom_operator_name = "@task.kubernetes"
    template_fields: Sequence[str] = (
        *(n for n in KubernetesPodOperator.template_fields if n not in {"cmds", "arguments"}),
        *("op_args", "op_kwargs"),
    )
    shallow_copy_attrs = ("python_callable",)

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        serializer: str = "pickle",
        do_xcom_push: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(do_xcom_push=do_xcom_push, **kwargs)
        self.python_callable = python_callable
        self.op_args = list(op_args or ())
        self.op_kwargs = dict(op_kwargs or {})
        self.serializer = serializer
        self._source = source_of(python_callable, self.described)

    def build_pod_request_obj(self, context: Any) -> PodJson:
        """Return the pod, with the function and its arguments in it.

        Raises:
            AirflowException: they are too large, or cannot be written.
        """
        pod = super().build_pod_request_obj(context)
        filled = portable_context(self.python_callable, tuple(self.op_args), context)
        written = ForeignFiles(self.serializer).of(
            self._source, self.op_args, {**filled, **self.op_kwargs}
        )
        packed = json.dumps({n: base64.b64encode(data).decode() for n, data in written.items()})
        if len(packed) > _LONGEST:
            raise AirflowException(
                f"{self.described}: the function and its arguments are {len(packed)} bytes; a pod "
                f"takes {_LONGEST}. Pass the name of an object or file instead of its content"
            )
        base = base_container(pod)
        base["command"], base["args"] = ["python", "-c", _UNPACK], []
        if self.do_xcom_push:
            base["args"].append(XCOM_FILE)
        base["env"] = [*(base.get("env") or ()), {"name": _CALL, "value": packed}]
        return pod
