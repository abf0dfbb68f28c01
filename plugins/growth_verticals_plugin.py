"""What Airflow's plugin scan finds: the timetables. The only module under plugins/ that Airflow imports by itself."""

from airflow.plugins_manager import AirflowPlugin

from growth_verticals.timetables import PeriodTimetable


class GrowthVerticalsPlugin(AirflowPlugin):
    """Registers what Airflow must know by name."""

    name = "growth_verticals"
    timetables = [PeriodTimetable]  # noqa: RUF012 - Airflow reads a list
