"""A task's XComs, for operators that run without Airflow."""

from __future__ import annotations

from typing import Any


class TaskInstance:
    """The part of Airflow's task instance that the operators use."""

    id = "00000000-0000-0000-0000-000000000000"
    map_index = -1

    def __init__(self) -> None:
        self.xcom: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcom[key] = value

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int = -1) -> Any:
        """Return an XCom of this task: no operator pulls those of another one."""
        assert task_ids
        assert map_indexes == self.map_index
        return self.xcom[key]
