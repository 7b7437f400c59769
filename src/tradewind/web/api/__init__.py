"""Airflow's public API, version 2: one file for each resource, its routes in `routes`."""
