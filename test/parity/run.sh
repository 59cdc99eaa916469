#!/usr/bin/env bash
# Compares Plumbline's landmarks with the real wheel's: run.sh [FOLDER [FLAG...]], flags as for `go run ./test/parity`.
# Without a folder it takes the committed pictures. run.sh --update makes their golden files again.
set -euo pipefail

cd "$(dirname "$0")/../.."
test/parity/setup.sh
if [ "${1:-}" = --update ]; then
  for model in lite full heavy; do
    GLOG_minloglevel=2 .tools/peer/bin/python test/parity/golden.py $model test/parity/golden/$model.json internal/demo/people
  done
  exit
fi
. scripts/cgo.sh
folder=${1:-internal/demo/people}
exec go run ./test/parity -pictures "$folder" -model lite,full,heavy "${@:2}"
