package sketch

import (
	"math"
	"strconv"

	"plumbline/internal/posture"
)

// sign is the symbol beside the verdict, for those who can't rely on its colour.
type sign int

const (
	signCheck sign = iota
	signWarning
	signQuestion
	signDash
)

// row is a line of the panel: a name and, in a column of their own, its figures.
type row struct {
	name, value, spread string
	muted               bool
}

// drawPanel writes the verdict into the corner where it hides least of the person: with all its rows where there is
// room, and less on small pictures.
func (s *scene) drawPanel() {
	v := verdictOf(s.assessment.Status)
	for _, p := range []panel{
		{title: v.long, rows: s.rows(true)},
		{title: v.short, rows: s.rows(false)},
		{title: v.short},
		{},
	} {
		p.measure(s)
		if p.fits(s.canvas) {
			p.draw(s, v)
			return
		}
	}
}

func (s *scene) rows(full bool) []row {
	a := s.assessment
	if a.Angles == nil {
		return s.reason(full)
	}
	if !full {
		return []row{{name: "Neck", value: degrees(a.Angles.Neck, 0)}, {name: "Torso", value: degrees(a.Angles.Torso, 0)}}
	}
	rows := []row{
		{"Neck", degrees(a.Angles.Neck, 1), spread(a.Angles.NeckUncertainty), false},
		{"Torso", degrees(a.Angles.Torso, 1), spread(a.Angles.TorsoUncertainty), false},
	}
	if from := standpoint(a); from != "" {
		rows = append(rows, row{name: from, muted: true})
	}
	return rows
}

// reason explains a picture without angles where there is room.
func (s *scene) reason(full bool) []row {
	if full && s.assessment.Status == posture.InsufficientLandmarks {
		return []row{{name: "too little of the body is visible", muted: true}}
	}
	return nil
}

// degrees writes an angle, a dash for what is not a number.
func degrees(angle float64, digits int) string {
	if math.IsNaN(angle) || math.IsInf(angle, 0) {
		return "–"
	}
	return strconv.FormatFloat(angle, 'f', digits, 64) + "°"
}

func spread(deviation float64) string {
	if !(deviation > 0) {
		return ""
	}
	return "± " + degrees(deviation, 1)
}

// standpoint says which side was measured and from where it is seen.
func standpoint(a posture.Assessment) string {
	text := ""
	if a.Side != posture.SideNone {
		text = string(a.Side) + " side"
	}
	if a.View != posture.ViewNone {
		if text != "" {
			text += ", "
		}
		text += "seen " + map[posture.View]string{
			posture.ViewSide: "from the side", posture.ViewOblique: "obliquely", posture.ViewFrontal: "from the front",
		}[a.View]
	}
	return text
}

// panel is the verdict's box and what stands in it. Without a title it is the sign alone.
type panel struct {
	title string
	rows  []row

	titleFace, rowFace, mutedFace *face
	pad, signSize                 float32
	values, spreads               float32 // where these columns begin, from the panel's left
	w, h                          float32
}

func (p *panel) measure(s *scene) {
	t := s.text
	p.titleFace, p.rowFace, p.mutedFace = s.texts.face(bold, 1.3*t), s.texts.face(medium, t), s.texts.face(medium, 0.85*t)
	p.pad, p.signSize = 0.7*t, 1.45*t
	if p.title == "" { // the sign alone, on a thumbnail
		p.signSize = min(p.signSize, 0.34*float32(min(s.canvas.width, s.canvas.height)))
		p.pad = 0.16 * p.signSize
	}
	p.w, p.h = 2*p.pad+p.signSize, 2*p.pad+p.signSize
	if p.title == "" {
		return
	}
	p.w += 0.5*t + p.titleFace.width(p.title)
	var names, values, spreads, muted float32
	for _, r := range p.rows {
		if r.muted {
			muted = max(muted, p.mutedFace.width(r.name))
			continue
		}
		names = max(names, p.rowFace.width(r.name))
		values = max(values, p.rowFace.width(r.value))
		spreads = max(spreads, p.rowFace.width(r.spread))
	}
	p.values = p.pad + names + 0.8*t
	p.spreads = p.values + values + 0.4*t
	right := p.values + values
	if spreads > 0 {
		right = p.spreads + spreads
	}
	p.w = max(p.w, right+p.pad, muted+2*p.pad)
	p.h += p.rowsHeight(t)
}

func (p *panel) rowsHeight(t float32) float32 {
	if len(p.rows) == 0 {
		return 0
	}
	return 0.15*t + 1.4*t*float32(len(p.rows))
}

// fits asks for room in the picture, and of a panel with a choice that it hide little of the picture.
func (p *panel) fits(c *canvas) bool {
	w, h := float32(c.width), float32(c.height)
	if p.title == "" {
		return true
	}
	return p.w <= 0.97*w && p.h <= 0.97*h && (len(p.rows) == 0 || p.w*p.h <= 0.15*w*h)
}

func (p *panel) draw(s *scene, v verdict) {
	at := p.place(s)
	t := s.text
	s.canvas.roundRect(at, 0.6*t, panelColor)
	center := point{at.x + p.pad + p.signSize/2, at.y + p.pad + p.signSize/2}
	s.drawSign(v, center, p.signSize/2)
	if p.title == "" {
		return
	}
	s.canvas.roundRect(box{at.x, at.y + 0.6*t, max(0.22*t, 2), at.h - 1.2*t}, 0.2*t, v.color)
	s.canvas.write(p.titleFace, p.title, point{at.x + p.pad + p.signSize + 0.5*t, center.y + 0.45*t}, v.color)
	base := at.y + p.pad + p.signSize + 0.15*t + 1.05*t
	for _, r := range p.rows {
		if r.muted {
			s.canvas.write(p.mutedFace, r.name, point{at.x + p.pad, base}, mutedColor)
		} else {
			s.canvas.write(p.rowFace, r.name, point{at.x + p.pad, base}, textColor)
			s.canvas.write(p.rowFace, r.value, point{at.x + p.values, base}, textColor)
			s.canvas.write(p.rowFace, r.spread, point{at.x + p.spreads, base}, mutedColor)
		}
		base += 1.4 * t
	}
}

// place chooses the corner with the fewest landmarks under it; a head counts for more than a foot.
func (p *panel) place(s *scene) box {
	w, h := float32(s.canvas.width), float32(s.canvas.height)
	m := min(0.7*s.text, 0.05*min(w, h), max((w-p.w)/2, 0), max((h-p.h)/2, 0))
	right, bottom := max(w-p.w-m, 0), max(h-p.h-m, 0)
	corners := [...]box{{m, m, p.w, p.h}, {right, m, p.w, p.h}, {m, bottom, p.w, p.h}, {right, bottom, p.w, p.h}}
	best, least := corners[0], s.hidden(corners[0])
	for _, corner := range corners[1:] {
		if n := s.hidden(corner); n < least {
			best, least = corner, n
		}
	}
	return best
}

func (s *scene) hidden(b box) (count int) {
	margin := 2 * s.text
	for i, j := range s.points {
		if !j.shown || j.x < b.x-margin || j.x > b.x+b.w+margin || j.y < b.y-margin || j.y > b.y+b.h+margin {
			continue
		}
		count++
		if i <= posture.RightShoulder || i == posture.LeftHip || i == posture.RightHip {
			count += 2
		}
	}
	for _, l := range s.labels {
		if l.w > 0 && l.x < b.x+b.w && b.x < l.x+l.w && l.y < b.y+b.h && b.y < l.y+l.h {
			count += 6
		}
	}
	return count
}

// drawSign draws the verdict's symbol: shapes differ, not only colours.
func (s *scene) drawSign(v verdict, center point, r float32) {
	c := s.canvas
	dark := rgb(13, 18, 26, 1)
	at := func(x, y float32) point { return center.add(point{x * r, y * r}) }
	width := 0.26 * r
	if v.sign == signWarning {
		c.taper(at(0, -0.62), at(0, -0.62), 0.3*r, 0.3*r, v.color)
		for _, corner := range []point{at(-0.72, 0.66), at(0.72, 0.66)} {
			c.line(at(0, -0.66), corner, 0.5*r, v.color)
		}
		c.line(at(-0.72, 0.66), at(0.72, 0.66), 0.5*r, v.color)
		c.taper(at(0, -0.1), at(0, 0.4), 0.5*r, 0.5*r, v.color)
		c.line(at(0, -0.34), at(0, 0.18), width, dark)
		c.disc(at(0, 0.58), 0.6*width, dark)
		return
	}
	c.disc(center, r, v.color)
	switch v.sign {
	case signCheck:
		c.line(at(-0.45, 0.03), at(-0.12, 0.38), width, dark)
		c.line(at(-0.12, 0.38), at(0.46, -0.34), width, dark)
	case signDash:
		c.line(at(-0.42, 0), at(0.42, 0), width, dark)
	case signQuestion:
		f := s.texts.face(bold, 1.6*r)
		c.write(f, "?", center.add(point{-f.width("?") / 2, 0.58 * r}), dark)
	}
}
