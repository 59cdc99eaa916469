package cli

import (
	"errors"
	"fmt"
	"image"
	"log/slog"
	"runtime"

	"plumbline/internal/blazepose"
	"plumbline/internal/bundle"
	"plumbline/internal/config"
	"plumbline/internal/frame"
	"plumbline/internal/line"
	"plumbline/internal/posture"
	"plumbline/internal/sketch"
)

// jpegQuality of annotated pictures: the visible difference to 95 is nil at half the size.
const jpegQuality = 88

// openInference finds models and library and loads them, once a process.
func openInference(c config.Inference, log *slog.Logger) (*blazepose.Runtime, error) {
	log = log.With("component", "inference")
	where := bundle.Options{Dir: c.ModelsDir, Library: c.OnnxruntimeLibrary, CacheDir: c.CacheDir, Model: c.Model, LibraryLater: true}
	files, err := locate(where, log)
	if err != nil {
		return nil, err
	}
	rt, err := blazepose.Open(blazepose.Options{
		Model: c.Model, Device: c.Device, Library: files.Library, LibraryNamed: c.OnnxruntimeLibrary != "",
		FindLibrary: func() (string, error) {
			where.LibraryLater = false
			all, err := locate(where, log)
			return all.Library, err
		},
		Detection: files.Detection, Landmark: files.Landmark, CacheDir: files.CacheDir, Logger: log,
	})
	if err != nil {
		return nil, fmt.Errorf("loading the pose model: %w", err)
	}
	return rt, nil
}

// locate finds files, and warns where it unpacked them to no lasting place.
func locate(o bundle.Options, log *slog.Logger) (bundle.Files, error) {
	files, err := bundle.Locate(o)
	if err != nil {
		return files, fmt.Errorf("finding the pose model: %w", err)
	}
	if files.Warning != "" {
		log.Warn("models lie in a temporary folder, so the next start unpacks them again", "reason", files.Warning)
	}
	return files, nil
}

func limits(c config.Limits) frame.Limits {
	return frame.Limits{MaxBytes: int64(c.MaxPictureBytes), MaxPixels: c.MaxPixels}
}

// sessionMaker gives the builder of inference sessions that serve and analyze share.
func sessionMaker(rt *blazepose.Runtime, l frame.Limits, precision int, pictures string) func() (*line.Session, error) {
	return func() (*line.Session, error) {
		estimator, err := rt.NewEstimator()
		if err != nil {
			return nil, err
		}
		decoder, err := frame.NewDecoder(l)
		if err != nil {
			return nil, errors.Join(err, estimator.Close())
		}
		draw, err := pen(pictures)
		if err != nil {
			return nil, errors.Join(err, estimator.Close())
		}
		return &line.Session{
			Decode: decode(decoder, draw != nil),
			Detect: func(f *posture.Frame) ([]posture.Pose, error) { return estimator.Estimate(f, precision) },
			Draw:   draw,
			Close:  estimator.Close,
		}, nil
	}
}

// decode keeps a session's frame.
func decode(d *frame.Decoder, drawn bool) func([]byte, *image.YCbCr) (*posture.Frame, error) {
	var f posture.Frame
	planes := blazepose.ReadsPlanes()
	return func(picture []byte, ground *image.YCbCr) (*posture.Frame, error) {
		if !drawn && !planes {
			return &f, d.Decode(picture, &f)
		}
		return &f, d.DecodeOnto(picture, &f, ground, planes)
	}
}

// pen makes the picture to keep; pictures is annotated, skeleton or none.
func pen(pictures string) (func(*image.YCbCr, posture.Assessment) ([]byte, error), error) {
	if pictures == "none" {
		return nil, nil
	}
	encoder, err := frame.NewEncoder(jpegQuality)
	if err != nil {
		return nil, err
	}
	artist := sketch.New(sketch.Style{Blank: pictures == "skeleton"})
	return func(ground *image.YCbCr, a posture.Assessment) ([]byte, error) {
		artist.Draw(ground, a)
		return encoder.Encode(ground)
	}, nil
}

// judge builds the judge of a role.
func judge(c config.Judging, file *configFile, model string) (posture.Judge, error) {
	profile, err := file.profile(c.Profile)
	if err != nil {
		return posture.Judge{}, misused(err)
	}
	side, err := posture.ParseSideChoice(c.Side)
	if err != nil {
		return posture.Judge{}, misused(err)
	}
	j := posture.Judge{Profile: profile, Side: side, Model: model}
	if err := j.Validate(); err != nil {
		return posture.Judge{}, misused(err)
	}
	return j, nil
}

// workers turns the flag's -1 into one a core.
func workers(n int) int {
	if n < 0 {
		return runtime.NumCPU()
	}
	return n
}
