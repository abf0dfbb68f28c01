"""What state every delivery is in, from the facts that others keep. It keeps no books, and sends no requests.

    facts        what Airflow's runs, the tables and the audit say: plain data
    states       the states of a delivery: sign, word, one sentence
    rules        facts of one period -> its state
    grid         sources x periods
    causes       what a person should know about now, for the alerts
    scorecard    how punctual and clean a source's deliveries are, by quarter

The page in Airflow's UI (`web/`), `./gv status` and the alerts show the same states.
"""
