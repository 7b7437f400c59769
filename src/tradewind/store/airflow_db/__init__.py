"""Read the metadata DB of an Airflow 2.10 to 3.3: connections, variables, pools, past runs.

`statements` has the SQL, one set for each generation of the schema; `source` opens the database,
for reading only, and makes values of the rows; `unsealing` decrypts what Airflow encrypted;
`plain_pickle` reads the conf of Airflow 2's runs, which is pickled, without unpickling.

Nothing of Airflow is imported, and nothing is written there.
"""

from tradewind.store.airflow_db.source import (
    AirflowDatabase,
    PastRun,
    PastTask,
    PastTry,
    open_airflow,
)
from tradewind.store.airflow_db.unsealing import FernetKeys

__all__ = ["AirflowDatabase", "FernetKeys", "PastRun", "PastTask", "PastTry", "open_airflow"]
