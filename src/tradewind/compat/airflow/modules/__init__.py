"""What Airflow's users call and the SDK has no need of. Named as in Airflow, where one can."""
