#!/usr/bin/env bash
# Creates a table of a table bucket from a JSON schema: `./gv tables create` by the name that people know.
exec "$(dirname "$(readlink -f "$0")")/../../gv" tables create "$@"
