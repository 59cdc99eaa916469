#!/usr/bin/env bash
# Sets up the Python that landmarks are compared with, in .tools/peer: the wheel mediapipe 0.10.21 and, since it ships the full
# model only, the others as npm ships them. Run it in the repository's root.
set -euo pipefail

venv=.tools/peer
[ -x $venv/bin/pip ] || python3 -m venv $venv
if ! $venv/bin/python -c 'import cv2, mediapipe as m; assert m.__version__ == "0.10.21"' 2>/dev/null; then
  $venv/bin/pip install -q --disable-pip-version-check -r test/bench/python/requirements.txt
fi
modules=$($venv/bin/python -c 'import importlib.util as u; print(u.find_spec("mediapipe").submodule_search_locations[0])')/modules
for model in lite heavy; do
  cp node_modules/@mediapipe/pose/pose_landmark_$model.tflite "$modules/pose_landmark/"
done
