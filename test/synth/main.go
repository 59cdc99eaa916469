// Synth renders the people of the demonstration: bodies with known leans of neck and torso, in a few rooms, by ray
// marching of signed distances. It runs at development time only; its pictures are committed.
//
//	go run ./test/synth -out internal/demo/people
//	go run ./test/synth -out DIR -size 1920x1080 -only anna_upright
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"strings"

	"plumbline/internal/frame"
)

// portrait is a line of people.json.
type portrait struct {
	File   string `json:"file"`
	Person string `json:"person"` // empty for a room with nobody
	Side   string `json:"side"`   // that is turned to the camera
	// TrueNeck and TrueTorso are the leans from the vertical in degrees, as they appear in the picture, of ear over
	// shoulder and shoulder over hip.
	TrueNeck  float64 `json:"true_neck"`
	TrueTorso float64 `json:"true_torso"`
}

type options struct {
	out, size, only  string
	samples, quality int
	width, height    int
}

func main() {
	var o options
	flag.StringVar(&o.out, "out", "internal/demo/people", "folder for the pictures and people.json")
	flag.StringVar(&o.size, "size", "640x480", "pixels, WIDTHxHEIGHT")
	flag.StringVar(&o.only, "only", "", "render only the pictures whose name begins so, and leave people.json alone")
	flag.IntVar(&o.samples, "samples", 3, "rays a pixel at edges, squared")
	flag.IntVar(&o.quality, "quality", 82, "of the JPEGs")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "synth:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if _, err := fmt.Sscanf(o.size, "%dx%d", &o.width, &o.height); err != nil || o.width < 16 || o.height < 16 {
		return fmt.Errorf("the size %q is not of the form 640x480", o.size)
	}
	encoder, err := frame.NewEncoder(o.quality)
	if err != nil {
		return err
	}
	var portraits []portrait
	var ground image.YCbCr
	for i, shot := range shots {
		if !strings.HasPrefix(shot.file, o.only) {
			continue
		}
		s, c := shot.stage(o.width, o.height)
		if err := frame.Ground(render(s, c, o.samples, int64(i)), &ground); err != nil {
			return err
		}
		jpeg, err := encoder.Encode(&ground)
		if err != nil {
			return err
		}
		p := shot.portrait(s, c)
		if err := os.WriteFile(filepath.Join(o.out, p.File), jpeg, 0o644); err != nil {
			return err
		}
		fmt.Printf("%-26s %6d bytes  neck %5.1f  torso %5.1f\n", p.File, len(jpeg), p.TrueNeck, p.TrueTorso)
		portraits = append(portraits, p)
	}
	if o.only != "" {
		return nil
	}
	text, err := json.MarshalIndent(portraits, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.out, "people.json"), append(text, '\n'), 0o644)
}

// stage builds the scene of a shot and puts up the camera.
func (sh shot) stage(width, height int) (*scene, camera) {
	s := &scene{}
	standing := sh.stance.standing
	desk := sh.place(s, !standing)
	if sh.person != nil {
		s.build(*sh.person, sh.stance, desk)
	}
	c := newCamera(vec{0.20, 0.86, 0}, 3.7, sh.yaw, 0.10, 3.75)
	if standing {
		c = newCamera(vec{0.18, 0.93, 0}, 4.0, sh.yaw, 0.10, 3.75)
	}
	c.width, c.height, c.mirrored = width, height, sh.left
	return s, c
}

func (sh shot) portrait(s *scene, c camera) portrait {
	p := portrait{File: sh.file + ".jpg"}
	if sh.person == nil {
		return p
	}
	p.Person, p.Side = sh.person.name, "right"
	if sh.left {
		p.Side = "left"
	}
	tenth := func(v float64) float64 { return math.Round(10*v) / 10 }
	p.TrueNeck = tenth(c.leanOnPicture(s.marks.shoulder, s.marks.ear))
	p.TrueTorso = tenth(c.leanOnPicture(s.marks.hip, s.marks.shoulder))
	return p
}
