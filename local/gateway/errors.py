"""The one exception that rules raise; the application writes it in the form of the API that was called."""

from __future__ import annotations

#: Names of the S3 Tables API's exceptions (botocore's service model) and of the Iceberg REST specification's.
_S3TABLES = {
    400: "BadRequestException",
    403: "ForbiddenException",
    404: "NotFoundException",
    409: "ConflictException",
    429: "TooManyRequestsException",
    501: "NotImplementedException",
}
_ICEBERG = {
    400: "BadRequestException",
    403: "ForbiddenException",
    404: "NoSuchTableException",
    409: "AlreadyExistsException",
    501: "UnsupportedOperationException",
}


class Refusal(Exception):  # noqa: N818
    """A request that is answered with an error.

    :param kind: the error's name where the status does not say it.
    """

    def __init__(self, status: int, message: str, kind: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind

    @property
    def s3tables_kind(self) -> str:
        return self.kind or _S3TABLES.get(self.status, "InternalServerErrorException")

    @property
    def iceberg_kind(self) -> str:
        return self.kind or _ICEBERG.get(self.status, "InternalServerError")
