package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"plumbline/internal/blazepose"
	"plumbline/internal/frame"
	"plumbline/internal/posture"
)

// Outcome says in how far both agree on what there is to see.
type Outcome string

// The outcomes.
const (
	BothFound   Outcome = "both found a person"
	BothNobody  Outcome = "both found nobody"
	OnlyWheel   Outcome = "only the wheel found a person"
	OnlyOurs    Outcome = "only Plumbline found a person"
	BothRefused Outcome = "both refused to read it"
	WheelReads  Outcome = "only OpenCV reads it"
	OursReads   Outcome = "only Plumbline reads it"
)

// Comparison is one picture's.
type Comparison struct {
	File       string
	Outcome    Outcome
	Reason     string // why Plumbline refused it
	SamePixels bool   // both decoders gave the same bytes
	// SameDetectionCrop and SameLandmarkCrop compare every bit of the networks' inputs, the latter cut from the wheel's region.
	// They mean nothing where pixels differ.
	SameDetectionCrop, SameLandmarkCrop bool
	HasLandmarkCrop                     bool
	SameRegion                          bool // our own region of interest is the wheel's to the bit
	// Of pictures in which both found a person:
	Error float64 // mean distance of the 33 landmarks in per cent of the torso's length
	Worst float64 // the largest of them
	// ErrorInRegion is Error when the landmarks are read from the wheel's region instead of from our own.
	ErrorInRegion float64
	SameLandmarks bool    // every x, y and z is the wheel's to the bit
	SameVerdict   bool    // status, side and view agree
	Measured      bool    // enough is visible for both angles
	Neck, Torso   float64 // difference of the angles in degrees, on the side that Plumbline measures
	TorsoPixels   float64 // the torso's length
}

// comparer holds what comparing needs, once for all pictures.
type comparer struct {
	folder    string
	estimator *blazepose.Estimator
	decoder   *frame.Decoder
	frame     posture.Frame
}

// compare compares one picture.
func (c *comparer) compare(g GoldenPicture) (Comparison, error) {
	result := Comparison{File: g.File}
	picture, err := os.ReadFile(filepath.Join(c.folder, g.File))
	if err != nil {
		return result, err
	}
	if sum := sha256.Sum256(picture); hex.EncodeToString(sum[:]) != g.SHA256 {
		return result, fmt.Errorf("%s is not the picture that the golden file was made from", g.File)
	}
	err = c.decoder.Decode(picture, &c.frame)
	switch {
	case err != nil && g.Refused != "":
		result.Outcome, result.Reason = BothRefused, err.Error()
		return result, nil
	case err != nil:
		result.Outcome, result.Reason = WheelReads, err.Error()
		return result, nil
	case g.Refused != "":
		result.Outcome = OursReads
		return result, nil
	}
	return result, c.compareFrame(g, &result)
}

func (c *comparer) compareFrame(g GoldenPicture, result *Comparison) error {
	pixels := sha256.Sum256(c.frame.Pix)
	result.SamePixels = hex.EncodeToString(pixels[:]) == g.Pixels && c.frame.Width == g.Width && c.frame.Height == g.Height
	if err := c.compareCrops(g, result); err != nil {
		return err
	}
	region, detected, err := c.estimator.Detect(&c.frame)
	if err != nil {
		return fmt.Errorf("%s: %w", g.File, err)
	}
	result.SameRegion = detected == (g.Region != nil) && (!detected || region == g.Region.region())
	poses, err := c.estimator.Estimate(&c.frame, 1)
	if err != nil {
		return fmt.Errorf("%s: %w", g.File, err)
	}
	switch {
	case len(poses) > 0 && g.Landmarks != nil:
		result.Outcome = BothFound
		inRegion, err := c.estimator.EstimateIn(&c.frame, g.Region.region())
		if err != nil || inRegion == nil {
			return fmt.Errorf("%s: nobody in the wheel's region: %w", g.File, err)
		}
		result.ErrorInRegion, _, _ = landmarkError(inRegion, g)
		result.Error, result.Worst, result.TorsoPixels = landmarkError(&poses[0], g)
		result.SameLandmarks = sameLandmarks(&poses[0], g)
		result.compareAngles(&poses[0], g)
	case len(poses) > 0:
		result.Outcome = OnlyOurs
	case g.Landmarks != nil:
		result.Outcome = OnlyWheel
	default:
		result.Outcome = BothNobody
	}
	return nil
}

func (c *comparer) compareCrops(g GoldenPicture, result *Comparison) error {
	crop, err := blazepose.DetectionCrop(&c.frame)
	if err != nil {
		return err
	}
	result.SameDetectionCrop = checksum(crop) == g.DetectionCrop
	if g.Region == nil {
		return nil
	}
	if crop, err = blazepose.LandmarkCrop(&c.frame, g.Region.region()); err != nil {
		return err
	}
	result.HasLandmarkCrop, result.SameLandmarkCrop = true, checksum(crop) == g.LandmarkCrop
	return nil
}

// checksum is a crop's SHA-256 in the wheel's order: by rows, the three colours of a pixel together.
func checksum(planes []float32) string {
	n := len(planes) / 3
	b := make([]byte, 0, 4*len(planes))
	for i := range n {
		for c := range 3 {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(planes[c*n+i]))
		}
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

type point struct{ x, y float64 }

// landmarkError is how far the landmarks lie from the wheel's, on average and at most, in per cent of the torso's length in
// pixels (from the middle of the shoulders to that of the hips).
func landmarkError(ours *posture.Pose, g GoldenPicture) (mean, worst, torso float64) {
	w, h := float64(g.Width), float64(g.Height)
	wheel := func(i int) point { return point{g.Landmarks[i][0] * w, g.Landmarks[i][1] * h} }
	own := func(i int) point { return point{float64(ours.Landmarks[i].X) * w, float64(ours.Landmarks[i].Y) * h} }
	middle := func(i, j int) point { return point{(wheel(i).x + wheel(j).x) / 2, (wheel(i).y + wheel(j).y) / 2} }
	torso = distance(middle(posture.LeftShoulder, posture.RightShoulder), middle(posture.LeftHip, posture.RightHip))
	for i := range ours.Landmarks {
		d := 100 * distance(wheel(i), own(i)) / torso
		mean += d / posture.LandmarkCount
		worst = max(worst, d)
	}
	return mean, worst, torso
}

// sameLandmarks compares every bit of the landmarks' places.
func sameLandmarks(ours *posture.Pose, g GoldenPicture) bool {
	for i, l := range ours.Landmarks {
		if w := g.Landmarks[i]; float64(l.X) != w[0] || float64(l.Y) != w[1] || float64(l.Z) != w[2] {
			return false
		}
	}
	return true
}

// compareAngles lets the same judge measure both poses.
func (c *Comparison) compareAngles(ours *posture.Pose, g GoldenPicture) {
	var judge posture.Judge
	a, b := judge.Assess([]posture.Pose{*ours}), judge.Assess([]posture.Pose{posed(g)})
	c.SameVerdict = a.Status == b.Status && a.Side == b.Side && a.View == b.View
	if a.Angles == nil || b.Angles == nil {
		return
	}
	c.Measured = true
	c.Neck, c.Torso = math.Abs(a.Angles.Neck-b.Angles.Neck), math.Abs(a.Angles.Torso-b.Angles.Torso)
}

func distance(a, b point) float64 { return math.Hypot(a.x-b.x, a.y-b.y) }
