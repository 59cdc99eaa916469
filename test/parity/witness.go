package main

import (
	"fmt"
	"io"

	"plumbline/internal/posture"
)

// A witness is the same wheel run elsewhere: what it differs by from itself is what no other program can be asked to keep.

// compareWitness compares the golden landmarks of two runs.
func compareWitness(golden, witness *Golden) (*Summary, error) {
	if golden.Model != witness.Model || len(golden.Pictures) != len(witness.Pictures) {
		return nil, fmt.Errorf("the golden files of %s and %s are not of the same model and pictures", golden.Model, witness.Model)
	}
	s := &Summary{Model: golden.Model, Golden: golden}
	for i, g := range golden.Pictures {
		w := witness.Pictures[i]
		if w.File != g.File || w.SHA256 != g.SHA256 {
			return nil, fmt.Errorf("the golden files differ in their pictures: %s and %s", g.File, w.File)
		}
		s.Comparisons = append(s.Comparisons, compareGolden(g, w))
	}
	return s, nil
}

func compareGolden(g, w GoldenPicture) Comparison {
	c := Comparison{
		File: g.File, SamePixels: g.Pixels == w.Pixels, SameDetectionCrop: g.DetectionCrop == w.DetectionCrop,
		SameRegion:      (g.Region == nil) == (w.Region == nil) && (g.Region == nil || *g.Region == *w.Region),
		HasLandmarkCrop: g.Region != nil, SameLandmarkCrop: g.LandmarkCrop == w.LandmarkCrop,
	}
	switch {
	case g.Refused != "":
		c.Outcome = BothRefused
	case g.Landmarks != nil && w.Landmarks != nil:
		c.Outcome = BothFound
		pose := posed(w)
		c.Error, c.Worst, c.TorsoPixels = landmarkError(&pose, g)
		c.compareAngles(&pose, g)
	case g.Landmarks != nil:
		c.Outcome = OnlyWheel
	case w.Landmarks != nil:
		c.Outcome = OnlyOurs
	default:
		c.Outcome = BothNobody
	}
	return c
}

// posed is a golden picture's pose.
func posed(g GoldenPicture) posture.Pose {
	p := posture.Pose{Width: g.Width, Height: g.Height}
	for i, l := range g.Landmarks {
		p.Landmarks[i] = posture.Landmark{X: float32(l[0]), Y: float32(l[1]), Z: float32(l[2]), Visibility: float32(l[3])}
	}
	return p
}

// witnessTable writes what the wheel's two runs differ by.
func witnessTable(w io.Writer, summaries []*Summary) {
	t := tableWriter{w, summaries}
	t.head()
	t.number("pictures read", func(s *Summary) int { return s.count(read) })
	t.number("person found or not agrees", func(s *Summary) int { return s.outcome(BothFound, BothNobody) })
	t.row("region of interest identical to the bit", func(s *Summary) string {
		return s.part(read, func(c Comparison) bool { return c.SameRegion })
	})
	t.row("landmark crop identical to the bit", func(s *Summary) string { return s.part(hasCrop, sameCrop) })
	t.quantiles("mean landmark error, % of the torso's length", both, meanError)
	t.quantiles("neck, degrees", measured, neck)
	t.quantiles("torso, degrees", measured, torso)
}
