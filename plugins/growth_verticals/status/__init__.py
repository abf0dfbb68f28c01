"""What state every delivery is in, from the facts that others keep. It keeps no books of its own, and sends no requests.

    facts        what Airflow's runs, the tables and the audit say: plain data
    states       facts of one period -> its state, with one sentence
    grid         sources x periods
    causes       what a person should know about now, for the alerts

The page in Airflow's UI (`web/`), `./gv status` and the alerts show the same states.
"""
