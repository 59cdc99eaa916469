"""Makes golden.json: what Google's own interpreter computes from the four networks for one picture.

    pip install ai-edge-litert==2.3.0 numpy
    python golden.py FOLDER > golden.json

FOLDER holds pose_detection.tflite and pose_landmark_{lite,full,heavy}.tflite (npm package @mediapipe/pose; the detector is
there as pose_solution_packed_assets.data). Of outputs larger than 1000 numbers every 499th is kept, images in NCHW order.
"""

import json
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter

OUTPUTS = {"pose_detection": [0, 1], "pose_landmark_lite": [0, 1, 3], "pose_landmark_full": [0, 1, 3], "pose_landmark_heavy": [0, 1, 3]}


def picture(side):
    """A picture that any program can make: value (7x + 13y + 29c + xy) mod 256 in channel c, over 255."""
    y, x, c = np.meshgrid(np.arange(side), np.arange(side), np.arange(3), indexing="ij")
    return (((7 * x + 13 * y + 29 * c + x * y) % 256).astype(np.float32) / np.float32(255))[None]


def sample(value):
    if value.ndim == 4:
        value = value.transpose(0, 3, 1, 2)
    flat = value.ravel()
    return [float(v) for v in (flat[::499] if flat.size > 1000 else flat)]


golden = {}
for name, outputs in OUTPUTS.items():
    net = Interpreter(f"{sys.argv[1]}/{name}.tflite", num_threads=1)
    net.allocate_tensors()
    given = net.get_input_details()[0]
    net.set_tensor(given["index"], picture(given["shape"][1]))
    net.invoke()
    details = net.get_output_details()
    golden[name.split("_")[-1]] = [sample(net.get_tensor(details[i]["index"])) for i in outputs]
json.dump(golden, sys.stdout, indent=0)
