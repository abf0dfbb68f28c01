"""The open alerts, as one small JSON object in the landing zone: `<landing uri>/alerts/open.json`.

It is not an Airflow Variable: writing one has no condition, so that two runs (the scheduled one, and one that a person
clears) would overwrite what the other has sent; and another Airflow of the same account, such as after a move to a new
server, would send every message again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from growth_verticals.alerts.open_alerts import OpenAlert
from growth_verticals.catalog.service_errors import error_code, http_status
from growth_verticals.errors import ConfigurationError, ServiceError
from growth_verticals.landing.file_errors import object_errors
from growth_verticals.landing.uris import s3_uri, split_s3_uri

if TYPE_CHECKING:
    from collections.abc import Mapping

    from growth_verticals.account import Account

_NAME = "alerts/open.json"
_FORMAT = 1
#: Another write was first: the object is not the one that was read (412), or a write is in progress (409).
_CHANGED = (412, 409)


class AlertStore:
    """Reads and writes the open alerts. A write succeeds only if nobody else has written since the last read or write.

    Raises `ServiceError` if somebody else has, or S3 fails; `ConfigurationError` if access is refused.
    """

    def __init__(self, account: Account) -> None:
        self._client = account.client("s3")
        self._bucket, self._key = split_s3_uri(f"{account.landing_uri}/{_NAME}")
        self._etag: str | None = None

    @property
    def uri(self) -> str:
        return s3_uri(self._bucket, self._key)

    def read(self) -> dict[str, OpenAlert]:
        """Return the open alerts by key. Raises `ConfigurationError` if the object cannot be read as such."""
        with object_errors(self._client, self._bucket, self.uri):
            try:
                response = self._client.get_object(Bucket=self._bucket, Key=self._key)
            except ClientError as error:
                if error_code(error) == "NoSuchKey":
                    self._etag = None
                    return {}
                raise
            self._etag = response["ETag"]
            content = response["Body"].read()
        try:
            document = json.loads(content)
            if document["format"] != _FORMAT:
                raise ValueError(document["format"])
            alerts = [OpenAlert.from_json(each) for each in document["alerts"]]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigurationError(
                "this is not a list of open alerts",
                file=self.uri,
                next_step="restore an older version of the object, or delete it: then the open alerts are sent again",
            ) from error
        return {alert.cause.key: alert for alert in alerts}

    def write(self, alerts: Mapping[str, OpenAlert]) -> None:
        """Store the open alerts in the place of those that were read or written last."""
        document = {"format": _FORMAT, "alerts": [alert.to_json() for alert in alerts.values()]}
        condition = {"IfNoneMatch": "*"} if self._etag is None else {"IfMatch": self._etag}
        with object_errors(self._client, self._bucket, self.uri):
            try:
                response = self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._key,
                    Body=json.dumps(document, indent=1).encode(),
                    ContentType="application/json",
                    **condition,
                )
            except ClientError as error:
                if http_status(error) in _CHANGED:
                    raise ServiceError(
                        "another run has changed the open alerts", file=self.uri, next_step="let the next run continue"
                    ) from error
                raise
        self._etag = response["ETag"]
