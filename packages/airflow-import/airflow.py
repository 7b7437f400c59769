"""`import airflow` is Tradewind's here.

Being imported, this module makes way for the one that Tradewind makes from its tables. It refuses
beside Apache Airflow: which of the two a program gets must not depend on the order of a path.
"""

import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution

for _name in ("apache-airflow-core", "apache-airflow"):
    try:
        distribution(_name)
    except PackageNotFoundError:
        continue
    raise ImportError(
        f"{_name} and tradewind-airflow-import are both installed, and `import airflow` can be "
        "only one of them: uninstall one. (`tradewind run` and `tradewind python` need neither.)"
    )

del sys.modules[__name__]
import_module("tradewind.compat.airflow").install()
import_module(__name__)
