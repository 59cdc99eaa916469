// Uncertainty measures how far the models' neck and torso angles waver when the same picture is read again through a crop
// shifted, scaled and turned a little, as detections of the same person do from picture to picture:
//
//	go run ./test/uncertainty -pictures FOLDER,… [-model lite,full,heavy] [-readings 40] [-average 5] [-v]
//
// Of every picture in which both angles can be measured it takes the standard deviation of the signed angles over the
// readings: of single ones, and of means of -average crops as --precision takes them. It prints both pooled over the pictures
// (the root of the mean variance) and the medians. The figures stand in posture.StandingUncertainty.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"plumbline/internal/blazepose"
	"plumbline/internal/blazepose/blazetest"
	"plumbline/internal/frame"
	"plumbline/internal/posture"
)

type options struct {
	pictures, models  string
	readings, average int
	verbose           bool
}

func main() {
	var o options
	flag.StringVar(&o.pictures, "pictures", "internal/demo/people", "folders of pictures, separated by commas")
	flag.StringVar(&o.models, "model", "lite,full,heavy", "models, separated by commas")
	flag.IntVar(&o.readings, "readings", 40, "readings of a picture")
	flag.IntVar(&o.average, "average", 5, "crops of an averaged reading")
	flag.BoolVar(&o.verbose, "v", false, "print every picture")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "uncertainty:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.readings < 2 || o.average < 1 {
		return errors.New("it takes at least 2 readings and 1 crop a reading")
	}
	fmt.Printf("| model | pictures | one crop, pooled: neck, torso | median | mean of %d crops, pooled: neck, torso | median |\n|---|--:|--:|--:|--:|--:|\n", o.average)
	for model := range strings.SplitSeq(o.models, ",") {
		single, averaged, err := measureModel(o, model)
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %d | %s | %s | %s | %s |\n", model, len(single), single.pooled(), single.median(), averaged.pooled(), averaged.median())
	}
	return nil
}

// measureModel measures all pictures of the folder, with the same displacements for every model.
func measureModel(o options, model string) (single, averaged deviations, err error) {
	settings, err := blazetest.Options(model)
	if err != nil {
		return nil, nil, err
	}
	runtime, err := blazepose.Open(settings)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	estimator, err := runtime.NewEstimator()
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, estimator.Close()) }()
	decoder, err := frame.NewDecoder(frame.Limits{})
	if err != nil {
		return nil, nil, err
	}
	paths, err := files(o.pictures)
	if err != nil {
		return nil, nil, err
	}
	for _, path := range paths {
		m := measurement{options: o, estimator: estimator, random: rand.New(rand.NewPCG(1, 2))}
		if !m.read(decoder, path) {
			continue
		}
		s, a, ok, err := m.measure()
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			continue
		}
		if o.verbose {
			fmt.Printf("%s %-40s one crop %v, mean %v\n", model, filepath.Base(path), s, a)
		}
		single, averaged = append(single, s), append(averaged, a)
	}
	return single, averaged, nil
}

// files lists all files below some folders.
func files(folders string) (paths []string, err error) {
	for folder := range strings.SplitSeq(folders, ",") {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// measurement is that of one picture.
type measurement struct {
	options   options
	estimator *blazepose.Estimator
	random    *rand.Rand
	frame     posture.Frame
}

// read decodes a picture; what is none is passed over.
func (m *measurement) read(d *frame.Decoder, path string) bool {
	picture, err := os.ReadFile(path)
	return err == nil && d.Decode(picture, &m.frame) == nil
}

// measure gives the standard deviations; ok is false where both angles can't be measured in every reading.
func (m *measurement) measure() (single, averaged deviation, ok bool, err error) {
	poses, err := m.estimator.Estimate(&m.frame, 1)
	if err != nil {
		return deviation{}, deviation{}, false, err
	}
	assessment := posture.Judge{}.Assess(poses)
	if assessment.Angles == nil {
		return deviation{}, deviation{}, false, nil
	}
	var ones, means readings
	for range m.options.readings {
		u := [4]float64{m.random.Float64(), m.random.Float64(), m.random.Float64(), m.random.Float64()}
		read, ok, err := m.around(blazepose.Displace(poses[0].Region, u), assessment.Side)
		if err != nil || !ok {
			return deviation{}, deviation{}, false, err
		}
		ones, means = append(ones, read[0]), append(means, read.mean())
	}
	return ones.deviation(), means.deviation(), true, nil
}

// around reads the angles from a region and from those jittered around it.
func (m *measurement) around(r posture.Region, side posture.Side) (read readings, ok bool, err error) {
	for i := range m.options.average {
		pose, err := m.estimator.EstimateIn(&m.frame, blazepose.Jitter(r, i))
		if err != nil || pose == nil {
			return nil, false, err
		}
		read = append(read, leansOf(pose, side))
	}
	return read, true, nil
}
