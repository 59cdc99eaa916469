// Package people holds the pictures of the demonstration: rendered people whose true leans of neck and torso are known,
// and a room with nobody in it. The program test/synth renders them. They are for demonstrations and regression: the
// models read renderings less exactly than photographs.
package people

import (
	"embed"
	"encoding/json"
	"fmt"
	"sync"

	"plumbline/internal/posture"
)

//go:embed *.jpg people.json
var files embed.FS

// Person is one picture.
type Person struct {
	File   string       `json:"file"`
	Person string       `json:"person"` // the model's name; empty where nobody is in the picture
	Side   posture.Side `json:"side"`   // turned to the camera
	// TrueNeck and TrueTorso are the leans from the vertical in degrees, as they appear in the picture: ear over shoulder
	// and shoulder over hip, each at the middle of the joint.
	TrueNeck  float64 `json:"true_neck"`
	TrueTorso float64 `json:"true_torso"`
	Picture   []byte  `json:"-"` // JPEG, 640 x 480
}

// People returns the pictures in the order in which a demonstration tells a story: one person after the other, from
// upright to slouched. The pictures are shared: don't write into them.
func People() []Person { return append([]Person(nil), load()...) }

// load reads what was compiled in, so that an error is a bug.
var load = sync.OnceValue(func() []Person {
	text, err := files.ReadFile("people.json")
	if err != nil {
		panic(fmt.Sprintf("demonstration people: %v", err))
	}
	var people []Person
	if err := json.Unmarshal(text, &people); err != nil {
		panic(fmt.Sprintf("demonstration people: %v", err))
	}
	for i := range people {
		if people[i].Picture, err = files.ReadFile(people[i].File); err != nil {
			panic(fmt.Sprintf("demonstration people: %v", err))
		}
	}
	return people
})
