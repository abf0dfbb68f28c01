#!/usr/bin/env bash
# Creates a table in a table bucket from a JSON schema: the familiar name of `./gv tables create`.
exec "$(dirname "$(readlink -f "$0")")/../../gv" tables create "$@"
