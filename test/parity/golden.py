"""What Python's mediapipe makes of pictures, as JSON: golden.py MODEL OUT.json FOLDER [FILE...]

MODEL is lite, full or heavy. All files below FOLDER (or the FILEs, relative to it) are read with cv2.imread and given to
mp.solutions.pose.Pose(static_image_mode=True). Beside the landmarks the JSON holds what the wheel's own graph computes on
the way: the region of interest, and check sums of both crops that it cuts. Needs mediapipe==0.10.21, the last release with
mp.solutions, and the landmark models in site-packages (setup.sh puts both in place).
"""
import hashlib
import json
import os
import sys

import cv2
import mediapipe as mp
import mediapipe.python.packet_creator as create
import mediapipe.python.packet_getter as get
import mediapipe.python.solutions.pose as solution
import numpy as np
from mediapipe.framework.calculator_pb2 import CalculatorGraphConfig
from mediapipe.framework.formats import rect_pb2
from mediapipe.python._framework_bindings import calculator_graph, resource_util, validated_graph_config

MODELS = ("lite", "full", "heavy")
ROOT = os.path.dirname(os.path.dirname(mp.__file__))
TAPS = {
    "detector_crop": "posedetectioncpu__input_tensors",
    "landmark_crop": "poselandmarkbyroicpu__input_tensors",
}


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Stages:
    """The wheel's graph with taps at the inputs of both networks and at the region of interest."""

    def __init__(self, complexity):
        resource_util.set_resource_dir(ROOT)
        validated = validated_graph_config.ValidatedGraphConfig()
        validated.initialize(binary_graph_path=os.path.join(ROOT, solution._BINARYPB_FILE_PATH))
        config = CalculatorGraphConfig()
        config.ParseFromString(validated.binary_config)
        config.type = ""
        for name, stream in TAPS.items():
            node = config.node.add()
            node.calculator = "TensorsToFloatsCalculator"
            node.input_stream.append("TENSORS:" + stream)
            node.output_stream.append("FLOATS:" + name)
            config.output_stream.append(name)
        self.graph = calculator_graph.CalculatorGraph(graph_config=config)
        self.got = {}
        for name in TAPS:
            self.graph.observe_output_stream(name, self._keep_floats)
        self.graph.observe_output_stream("pose_rect_from_detection", self._keep_rect)
        side = {k: create.create_bool(False)
                for k in ("smooth_landmarks", "enable_segmentation", "smooth_segmentation", "use_prev_landmarks")}
        self.graph.start_run({"model_complexity": create.create_int(complexity), **side})
        self.time = 0

    def _keep_floats(self, name, packet):
        self.got[name] = np.array(get.get_float_list(packet), np.float32)

    def _keep_rect(self, name, packet):
        rect = rect_pb2.NormalizedRect()
        rect.CopyFrom(get.get_proto(packet))
        self.got[name] = rect

    def of(self, rgb):
        self.got.clear()
        self.time += 33333
        packet = create.create_image_frame(image_format=mp.ImageFormat.SRGB, data=rgb).at(self.time)
        self.graph.add_packet_to_input_stream("image", packet)
        self.graph.wait_until_idle()
        return dict(self.got)


def region(rect, width, height):
    """The square in pixels, in float32 as ImageToTensorCalculator computes it."""
    f, w, h = np.float32, np.float32(width), np.float32(height)
    side = max(f(rect.width) * w, f(rect.height) * h)
    return {"center_x": float(f(rect.x_center) * w), "center_y": float(f(rect.y_center) * h),
            "side": float(side), "rotation": float(f(rect.rotation))}


def read(path):
    try:
        bgr = cv2.imread(path)
    except cv2.error as e:
        return None, "cv2.imread raises: " + str(e.err)
    if bgr is None:
        return None, "cv2.imread returns None"
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), None


def picture(folder, name, pose, stages):
    path = os.path.join(folder, name)
    with open(path, "rb") as f:
        entry = {"file": name, "sha256": sha256(f.read())}
    rgb, refused = read(path)
    if rgb is None:
        return {**entry, "refused": refused}
    height, width = rgb.shape[:2]
    entry.update(width=width, height=height, pixels_sha256=sha256(rgb.tobytes()))
    result = pose.process(rgb)
    got = stages.of(rgb)
    for name in TAPS:
        if name in got:
            entry[name + "_sha256"] = sha256(got[name].astype("<f4").tobytes())
    if "pose_rect_from_detection" in got:
        entry["region"] = region(got["pose_rect_from_detection"], width, height)
    if result.pose_landmarks:
        entry["landmarks"] = [[p.x, p.y, p.z, p.visibility] for p in result.pose_landmarks.landmark]
    return entry


def files_below(folder):
    found = [os.path.relpath(os.path.join(d, f), folder) for d, _, files in os.walk(folder) for f in files]
    return sorted(f for f in found if f.lower().endswith((".jpg", ".jpeg", ".png", ".webp")))


def main():
    model, out, folder, names = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    complexity = MODELS.index(model)
    pose = mp.solutions.pose.Pose(static_image_mode=True, model_complexity=complexity)
    stages = Stages(complexity)
    pictures = [picture(folder, name, pose, stages) for name in names or files_below(folder)]
    modules = os.path.join(ROOT, "mediapipe", "modules")
    models = {}
    for path in ("pose_detection/pose_detection.tflite", f"pose_landmark/pose_landmark_{model}.tflite"):
        with open(os.path.join(modules, path), "rb") as f:
            models[os.path.basename(path)] = sha256(f.read())
    golden = {"mediapipe": mp.__version__, "opencv": cv2.__version__, "numpy": np.__version__,
              "python": sys.version.split()[0], "model": model, "models_sha256": models, "pictures": pictures}
    with open(out, "w") as f:
        json.dump(golden, f, indent=1)
        f.write("\n")
    print(f"{len(pictures)} pictures, {sum('landmarks' in p for p in pictures)} with a person -> {out}")


if __name__ == "__main__":
    main()
