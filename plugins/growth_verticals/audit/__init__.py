"""The audit: does the table hold what the vendor has sent and what was landed?

    window       the periods that are audited
    collect      the three lists of a period: at the vendor, landed, in the table
    reconcile    the state of each file and of the period
    report       what they are
    decide       what to do about a difference: start a run, wait, or tell people

It changes no row and no file. Airflow's part is in `operators/audit.py`.
"""
