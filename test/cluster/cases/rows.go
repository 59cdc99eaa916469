//go:build linux

package cases

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"plumbline/internal/demo/people"
)

// picture is the one that is published as a device's i-th: people whose true leans are known, and a room with nobody in it.
func picture(i int) people.Person {
	all := people.People()
	return all[i%len(all)]
}

// pictureFile is where it lies, seen from the repository's root.
func pictureFile(i int) string { return filepath.Join("internal", "demo", "people", picture(i).File) }

// lean is by how many degrees a measured angle may differ from the true one: the models read renderings less exactly than
// photographs.
const lean = 12

// knownStatus is what a picture's status must be; empty where it is too near to a threshold to say.
func knownStatus(p people.Person) string {
	is := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(p.File, word) })
	}
	switch {
	case p.Person == "":
		return "No_Landmarks"
	case is("upright", "standing"):
		return "Good"
	case is("slouched", "phone"):
		return "Bad"
	}
	return ""
}

// finding is what a row says was found in a picture.
type finding struct {
	status      string
	landmarks   bool
	neck, torso float64 // degrees; NaN: NULL
}

// fits says whether a row can be of this picture.
func (f finding) fits(p people.Person) bool {
	if p.Person == "" {
		return f.status == "No_Landmarks" && !f.landmarks && math.IsNaN(f.neck) && math.IsNaN(f.torso)
	}
	known := knownStatus(p)
	return f.landmarks && (f.status == known || known == "" && (f.status == "Good" || f.status == "Bad")) &&
		math.Abs(f.neck-p.TrueNeck) <= lean && math.Abs(f.torso-p.TrueTorso) <= lean
}

// analysed sees that a device's rows are of the pictures that were published: landmarks, angles and status are what is known of
// them. Rows may be in another order than pictures came, so each must be like one of them, and each status must be there as often
// as is known.
func (w *World) analysed(database, device string, published int) error {
	out, err := w.Database.Query(database, fmt.Sprintf("SELECT posture_status, landmarks_detected, neck_angle, body_angle FROM posture_log WHERE pi_id = '%s'", device))
	if err != nil {
		return err
	}
	seen, least := map[string]int{}, map[string]int{}
	for i := range published {
		least[knownStatus(picture(i))]++
	}
	for line := range strings.Lines(out) {
		f, err := readFinding(strings.TrimSpace(line))
		if err != nil {
			return err
		}
		fits := false
		for i := range min(published, len(people.People())) {
			fits = fits || f.fits(picture(i))
		}
		if !fits {
			return fmt.Errorf("expected: a row like one of the %d pictures of %s, the first of which is %+v; seen: %s", published, device, known(picture(0)), line)
		}
		seen[f.status]++
	}
	for _, status := range []string{"Good", "Bad", "No_Landmarks"} {
		if seen[status] < least[status] {
			return fmt.Errorf("expected: %v (and some that may be either) among the rows of %s; seen: %v", least, device, seen)
		}
	}
	return nil
}

// known is a picture without its bytes.
func known(p people.Person) people.Person {
	p.Picture = nil
	return p
}

func readFinding(line string) (f finding, err error) {
	fields := strings.Split(line, "|")
	if len(fields) != 4 {
		return f, fmt.Errorf("psql gave %q", line)
	}
	f = finding{status: fields[0], landmarks: fields[1] == "t", neck: math.NaN(), torso: math.NaN()}
	for i, angle := range []*float64{&f.neck, &f.torso} {
		if fields[2+i] == "" {
			continue
		}
		if *angle, err = strconv.ParseFloat(fields[2+i], 64); err != nil {
			return f, fmt.Errorf("psql gave %q", line)
		}
	}
	return f, nil
}
