"""`write_python_script`: the program by which `@task.docker` calls a function in a container."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PROGRAM = """\
from __future__ import annotations

import sys

import {pickling_library}

{python_callable_source}

arguments = {{"args": [], "kwargs": {{}}}}
if {has_arguments}:
    with open(sys.argv[1], "rb") as file:
        arguments = {pickling_library}.load(file)
try:
    result = {python_callable}(*arguments["args"], **arguments["kwargs"])
except Exception as error:
    if len(sys.argv) > 4:
        with open(sys.argv[4], "w") as file:
            file.write(str(error))
    raise
with open(sys.argv[2], "wb") as file:
    if result is not None:
        {pickling_library}.dump(result, file)
"""


def write_python_script(
    jinja_context: Mapping[str, Any],
    filename: str,
    render_template_as_native_obj: bool = False,
) -> None:
    """Write the program.

    Args:
        jinja_context: `pickling_library`, `python_callable`, `python_callable_source`, and
            whether there are `op_args` or `op_kwargs`.
        filename: where it is written.
        render_template_as_native_obj: has no effect.
    """
    del render_template_as_native_obj
    text = _PROGRAM.format(
        pickling_library=jinja_context["pickling_library"],
        python_callable=jinja_context["python_callable"],
        python_callable_source=jinja_context["python_callable_source"],
        has_arguments=bool(jinja_context.get("op_args") or jinja_context.get("op_kwargs")),
    )
    Path(filename).write_text(text, encoding="utf-8")
