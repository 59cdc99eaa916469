package blazepose

import (
	"errors"
	"fmt"
	"time"

	"plumbline/internal/posture"
)

// Estimator finds poses in pictures. It serves one goroutine at a time and keeps everything that it needs allocated.
type Estimator struct {
	detector   *detector
	landmarker *landmarker
	timings    Timings
}

// Timings say where the time of the last Estimate went.
type Timings struct {
	Crop      time.Duration // cutting all squares out of the picture
	Detection time.Duration // the detector with decoding and suppression
	Landmarks time.Duration // the landmark network with refinement and projection, all samples together
}

// Timings gives those of the last picture.
func (e *Estimator) Timings() Timings { return e.timings }

// Estimate finds the best detected person of a picture: nil where nobody is found. With samples > 1 the landmarks are read
// that many times from crops jittered a little around the person; the first pose is always the one from the region itself,
// and crops in which the network sees nobody are left out.
func (e *Estimator) Estimate(f *posture.Frame, samples int) ([]posture.Pose, error) {
	e.timings = Timings{}
	r, found, err := e.detect(f)
	if err != nil || !found {
		return nil, err
	}
	poses := make([]posture.Pose, 1, max(1, samples))
	square := r.pixels(f)
	if found, err := e.locate(f, square, r, &poses[0]); err != nil || !found {
		return nil, err
	}
	for i := 1; i < samples; i++ {
		poses = append(poses, posture.Pose{})
		jittered := Jitter(square, i)
		found, err := e.locate(f, jittered, fromPixels(jittered, f), &poses[len(poses)-1])
		if err != nil {
			return nil, err
		}
		if !found {
			poses = poses[:len(poses)-1]
		}
	}
	return poses, nil
}

// Detect finds the region of interest of the best detected person, without looking for landmarks.
func (e *Estimator) Detect(f *posture.Frame) (r posture.Region, found bool, err error) {
	e.timings = Timings{}
	n, found, err := e.detect(f)
	if err != nil || !found {
		return posture.Region{}, false, err
	}
	return n.pixels(f), true, nil
}

// EstimateIn reads the landmarks from a given region: nil where the network sees nobody in it.
func (e *Estimator) EstimateIn(f *posture.Frame, r posture.Region) (*posture.Pose, error) {
	e.timings = Timings{}
	if err := checkFrame(f); err != nil {
		return nil, err
	}
	n := fromPixels(r, f)
	if !n.usable() {
		return nil, fmt.Errorf("region %+v can't be cut out of a picture", r)
	}
	pose := new(posture.Pose)
	if found, err := e.locate(f, r, n, pose); err != nil || !found {
		return nil, err
	}
	return pose, nil
}

// detect finds the region in which to look for landmarks.
func (e *Estimator) detect(f *posture.Frame) (r region, found bool, err error) {
	if err := checkFrame(f); err != nil {
		return region{}, false, err
	}
	start := time.Now()
	box := e.detector.crop(f)
	cropped := time.Now()
	best, found, err := e.detector.detect(box)
	e.timings.Crop += cropped.Sub(start)
	e.timings.Detection += time.Since(cropped)
	if err != nil || !found {
		return region{}, false, err
	}
	r = regionOf(best, f)
	return r, r.usable(), nil
}

// locate reads the landmarks from a region into pose. The region comes in pixels, from which the crop is cut, and as fractions
// of the picture, from which the landmarks are placed: turning one into the other costs their last bits, and the crop's bits
// hang on them.
func (e *Estimator) locate(f *posture.Frame, square posture.Region, r region, into *posture.Pose) (found bool, err error) {
	start := time.Now()
	e.landmarker.crop(f, square)
	cropped := time.Now()
	found, err = e.landmarker.locate(r, f, into)
	e.timings.Crop += cropped.Sub(start)
	e.timings.Landmarks += time.Since(cropped)
	return found, err
}

// checkFrame refuses what is no picture.
func checkFrame(f *posture.Frame) error {
	if f == nil || f.Width <= 0 || f.Height <= 0 {
		return errors.New("estimating the pose: the picture is empty")
	}
	if f.Planes != nil {
		if err := checkPlanes(f); err != nil {
			return fmt.Errorf("estimating the pose: %w", err)
		}
		return nil
	}
	if len(f.Pix)/3/f.Width < f.Height {
		return fmt.Errorf("estimating the pose: %d bytes are too few for %d x %d pixels", len(f.Pix), f.Width, f.Height)
	}
	return nil
}

// Close frees the estimator's sessions.
func (e *Estimator) Close() error {
	var errs []error
	if e.detector != nil {
		errs = append(errs, e.detector.session.Close())
	}
	if e.landmarker != nil {
		errs = append(errs, e.landmarker.session.Close())
	}
	return errors.Join(errs...)
}
