"""What runs in the other Python: read the function and its arguments, call it, keep the result.

A copy of this file is run as a program by a Python that has none of Tradewind: it imports the
standard library only, and keeps to what Python 3.8 understands.

    python foreign_script.py FOLDER [FILE]

FOLDER holds `call.json` (which serializer, the function's name, its file), `function.txt` (its
source) and `arguments` (the arguments). It is given `result`, or `error.json`; with a
FILE, the result goes there, as JSON.
"""

import __future__

import importlib
import json
import os
import sys
import traceback


def main(folder: str, json_result: str = "") -> int:  # noqa: D103
    def place(name: str) -> str:
        return os.path.join(folder, name)  # noqa: PTH118

    with open(place("call.json"), encoding="utf-8") as file:  # noqa: PTH123
        call = json.load(file)
    serializer = importlib.import_module(call["serializer"])
    with open(place("function.txt"), encoding="utf-8") as file:  # noqa: PTH123
        source = file.read()
    with open(place("arguments"), "rb") as data:  # noqa: PTH123
        args, kwargs = serializer.load(data)
    module = {
        "__name__": "__tradewind_task__",
        "__file__": call["file"],
        "virtualenv_string_args": call["string_args"],
    }
    try:
        # Compiled under its own file's name, so that tracebacks and inspect find it.
        text = "\n" * call["line"] + source
        lazy = __future__.annotations.compiler_flag
        exec(compile(text, call["file"], "exec", lazy), module)  # noqa: S102
        result = module[call["name"]](*args, **kwargs)
        if call["is_async"]:
            import asyncio  # noqa: PLC0415

            result = asyncio.run(result)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001
        traceback.print_exc()
        with open(place("error.json"), "w", encoding="utf-8") as told:  # noqa: PTH123
            json.dump({"type": type(error).__name__, "text": str(error)}, told)
        return 1
    if json_result:
        text = json.dumps(result)
        with open(json_result, "w", encoding="utf-8") as shown:  # noqa: PTH123
            shown.write(text)
        return 0
    with open(place("result"), "wb") as kept:  # noqa: PTH123
        serializer.dump(result, kept)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
