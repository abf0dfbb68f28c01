"""Registers the timetables with Airflow. This is the only module under plugins/ that Airflow imports automatically."""

from airflow.plugins_manager import AirflowPlugin

from growth_verticals.timetables import PeriodTimetable


class GrowthVerticalsPlugin(AirflowPlugin):
    """The classes that Airflow looks up by name."""

    name = "growth_verticals"
    timetables = [PeriodTimetable]  # noqa: RUF012 - Airflow requires a list
