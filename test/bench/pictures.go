package main

import (
	"fmt"
	"image"
	"os"
	"path/filepath"

	"golang.org/x/image/draw"

	"plumbline/internal/frame"
	"plumbline/internal/posture"
)

const (
	mostTaken   = 20 // pictures of a folder; more would only take longer
	jpegQuality = 92
)

// pictureSets writes the pictures of a folder a size, stretched to that size: both systems meet the same bytes, full of
// picture to the edges as a camera's are.
func pictureSets(from map[size]string, to string) (map[size][]string, error) {
	sets := map[size][]string{}
	for s, folder := range from {
		files, err := filepath.Glob(filepath.Join(folder, "*.jpg"))
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("no .jpg in %s", folder)
		}
		for _, file := range files[:min(len(files), mostTaken)] {
			scaled := filepath.Join(to, fmt.Sprintf("%s-%s", s, filepath.Base(file)))
			if err := scale(file, scaled, s); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			sets[s] = append(sets[s], scaled)
		}
	}
	return sets, nil
}

func scale(from, to string, s size) error {
	encoded, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	decoder, err := frame.NewDecoder(frame.Limits{MaxBytes: 64 << 20, MaxPixels: 100e6})
	if err != nil {
		return err
	}
	encoder, err := frame.NewEncoder(jpegQuality)
	if err != nil {
		return err
	}
	var picture posture.Frame
	if err := decoder.Decode(encoded, &picture); err != nil {
		return err
	}
	var ground image.YCbCr
	if err := frame.Ground(stretch(&picture, s), &ground); err != nil {
		return err
	}
	out, err := encoder.Encode(&ground)
	if err != nil {
		return err
	}
	return os.WriteFile(to, out, 0o644)
}

// stretch scales a picture to a size, whatever its shape was.
func stretch(picture *posture.Frame, s size) *posture.Frame {
	source := image.NewRGBA(image.Rect(0, 0, picture.Width, picture.Height))
	for i := range picture.Width * picture.Height {
		copy(source.Pix[4*i:], picture.Pix[3*i:3*i+3])
		source.Pix[4*i+3] = 255
	}
	target := image.NewRGBA(image.Rect(0, 0, s.width, s.height))
	draw.CatmullRom.Scale(target, target.Bounds(), source, source.Bounds(), draw.Src, nil)
	scaled := &posture.Frame{Width: s.width, Height: s.height, Pix: make([]byte, 3*s.width*s.height)}
	for i := range s.width * s.height {
		copy(scaled.Pix[3*i:3*i+3], target.Pix[4*i:])
	}
	return scaled
}
