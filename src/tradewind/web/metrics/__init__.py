"""Figures for Prometheus, under the names that dashboards for Airflow look for."""
