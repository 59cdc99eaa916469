package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Engines differ in the last digits of a float; these are far above that and far below what a person could see.
const (
	landmarkTolerance = 1e-3 // of the picture's width or height
	angleTolerance    = 0.1  // degrees
)

// reading is the part of `plumbline analyze --json` that is compared.
type reading struct {
	Landmarks [][4]float64 `json:"landmarks"`
	Neck      *float64     `json:"neck_angle"`
	Torso     *float64     `json:"body_angle"`
	Status    string       `json:"posture_status"`
	Error     string       `json:"error"`
}

func parse(line []byte) (reading, error) {
	var r reading
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("reading the result: %w", err)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	if len(r.Landmarks) == 0 || r.Neck == nil || r.Torso == nil {
		return r, errors.New("nobody was measured in the picture")
	}
	return r, nil
}

func compare(a, b reading) error {
	if a.Status != b.Status || len(a.Landmarks) != len(b.Landmarks) {
		return fmt.Errorf("%s with %d landmarks, %s with %d", a.Status, len(a.Landmarks), b.Status, len(b.Landmarks))
	}
	for i := range a.Landmarks {
		for k := range 2 {
			if d := math.Abs(a.Landmarks[i][k] - b.Landmarks[i][k]); d > landmarkTolerance {
				return fmt.Errorf("landmark %d by %.5f of the picture", i, d)
			}
		}
	}
	if d := max(math.Abs(*a.Neck-*b.Neck), math.Abs(*a.Torso-*b.Torso)); d > angleTolerance {
		return fmt.Errorf("an angle by %.2f degrees", d)
	}
	return nil
}
