"""Which messages are due now, from the causes that exist now and the alerts that are open.

    open_alerts  an open alert, and how causes open and close it
    messages     the text of an opening and of a closing, safe in e-mail, Slack and SNS
    sending      sends what is due: each message once, and again only after a failure
    store        the open alerts, as one object in the landing zone

Airflow's part is in `hooks/notify.py` and `operators/alerts.py`.
"""
