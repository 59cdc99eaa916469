package main

import (
	"encoding/json"
	"fmt"
	"os"

	"plumbline/internal/posture"
)

// Golden is what Python's mediapipe made of a folder of pictures, as golden.py wrote it.
type Golden struct {
	MediaPipe string            `json:"mediapipe"` // the wheel's version
	OpenCV    string            `json:"opencv"`
	Model     string            `json:"model"`
	Models    map[string]string `json:"models_sha256"`
	Pictures  []GoldenPicture   `json:"pictures"`
}

// GoldenPicture is one picture's. Check sums are SHA-256 in hex.
type GoldenPicture struct {
	File          string        `json:"file"` // relative to the folder
	SHA256        string        `json:"sha256"`
	Refused       string        `json:"refused"` // why OpenCV can't read it; empty where it can
	Width         int           `json:"width"`   // upright, in pixels
	Height        int           `json:"height"`
	Pixels        string        `json:"pixels_sha256"`        // of the decoded picture, RGB
	DetectionCrop string        `json:"detector_crop_sha256"` // of the detector's input: float32, little-endian, by rows, RGB
	LandmarkCrop  string        `json:"landmark_crop_sha256"` // of the landmark network's; empty where nobody was detected
	Region        *GoldenRegion `json:"region"`               // nil where nobody was detected
	Landmarks     [][4]float64  `json:"landmarks"`            // x, y, z, visibility; nil where nobody was found
}

// GoldenRegion is the square in pixels from which the landmark crop was cut.
type GoldenRegion struct {
	CenterX  float32 `json:"center_x"`
	CenterY  float32 `json:"center_y"`
	Side     float32 `json:"side"`
	Rotation float32 `json:"rotation"`
}

func (r GoldenRegion) region() posture.Region {
	return posture.Region{CenterX: r.CenterX, CenterY: r.CenterY, Side: r.Side, Rotation: r.Rotation}
}

func readGolden(path string) (*Golden, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	g := new(Golden)
	if err := json.Unmarshal(b, g); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return g, nil
}
