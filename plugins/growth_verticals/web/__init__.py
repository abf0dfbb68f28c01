"""The pages inside Airflow's UI: which deliveries came, which are late, what was rejected, what the tables hold."""
