"""Times decoding and MediaPipe on pictures held in memory, in one process: landmarks.py [--passes N] PICTURE...

Prints the word "first" as soon as the first picture has landmarks (so that a caller can time the start), then, for
each of N passes, the mean milliseconds a picture, and at last the peak of its resident memory (VmHWM) in megabytes.
"""
import argparse
import time

import cv2
import mediapipe as mp
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--passes", type=int, default=0)
parser.add_argument("pictures", nargs="+")
options = parser.parse_args()

pose = mp.solutions.pose.Pose(static_image_mode=True, model_complexity=1)
encoded = [np.fromfile(name, np.uint8) for name in options.pictures]


def landmarks(picture):
    return pose.process(cv2.cvtColor(cv2.imdecode(picture, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)).pose_landmarks


landmarks(encoded[0])
print("first", flush=True)
if options.passes:
    for picture in encoded:
        landmarks(picture)
for _ in range(options.passes):
    begin = time.perf_counter()
    for picture in encoded:
        landmarks(picture)
    print(1000 * (time.perf_counter() - begin) / len(encoded), flush=True)
with open("/proc/self/status") as status:
    print("peak=%.1f" % next(int(line.split()[1]) * 1024 / 1e6 for line in status if line.startswith("VmHWM")))
