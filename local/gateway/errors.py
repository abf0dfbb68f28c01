"""The gateway's only exception. The application returns it in the error format of the API that was called."""

from __future__ import annotations

#: Error types by HTTP status: of the S3 Tables API (botocore's service model) and of the Iceberg REST specification.
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


class ApiError(Exception):
    """An error response to a request.

    :param status: the HTTP status.
    :param error_type: name of the error type, if it is not the one that belongs to the status.
    """

    def __init__(self, status: int, message: str, error_type: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.error_type = error_type

    @property
    def s3tables_type(self) -> str:
        return self.error_type or _S3TABLES.get(self.status, "InternalServerErrorException")

    @property
    def iceberg_type(self) -> str:
        return self.error_type or _ICEBERG.get(self.status, "InternalServerError")
