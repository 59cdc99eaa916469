package main

// shot is one picture: who, how, where, and from which side.
type shot struct {
	file   string
	person *person // nil for an empty room
	stance stance
	place  place
	left   bool // the person's left side is seen
	yaw    float64
}

// place furnishes a room and returns the height of its desk, 0 where there is none.
type place func(s *scene, seated bool) (deskHeight float64)

const (
	tableHeight    = 0.735
	standingHeight = 1.06
)

func deskFor(seated bool) float64 {
	if seated {
		return tableHeight
	}
	return standingHeight
}

// study is a bright room with an office chair, a monitor and a window.
func study(s *scene, seated bool) float64 {
	s.room = room{floor: boards(vec{0.36, 0.25, 0.16}), wall: plaster(vec{0.60, 0.60, 0.56}), mood: daylight}
	h := deskFor(seated)
	s.skirting()
	s.window(-0.86, 1.52, 0.62, 0.80)
	s.picture(0.62, 1.50, 0.44, 0.32, vec{0.74, 0.60, 0.42}, vec{0.16, 0.30, 0.32}, vec{0.86, 0.34, 0.14})
	s.desk(wood(vec{0.50, 0.34, 0.20}), h)
	s.monitor(h, 0.29)
	s.mug(deskX+0.30, h, 0.27, vec{0.62, 0.16, 0.10})
	s.plant(-1.05, -0.78, 0.95, 4)
	if seated {
		s.officeChair(cloth(vec{0.055, 0.060, 0.070}, 220))
	}
	return h
}

// kitchen is warm, with a wooden chair, a table with a laptop, and a lamp.
func kitchen(s *scene, seated bool) float64 {
	s.room = room{floor: tiles(vec{0.46, 0.42, 0.36}), wall: plaster(vec{0.56, 0.47, 0.36}), mood: evening}
	h := deskFor(seated)
	s.skirting()
	s.shelf(-0.62, 1.50, 0.80, wood(vec{0.34, 0.20, 0.11}), 3)
	s.lamp(0.92, 1.66, -0.55, vec{0.16, 0.26, 0.22})
	s.desk(wood(vec{0.40, 0.24, 0.13}), h)
	s.laptop(h)
	s.mug(deskX+0.50, h, 0.25, vec{0.75, 0.72, 0.64})
	if seated {
		s.woodenChair(wood(vec{0.34, 0.19, 0.10}))
	}
	return h
}

// office is cool and plain: blue-grey wall, white desk, carpet.
func office(s *scene, seated bool) float64 {
	s.room = room{floor: carpet(vec{0.17, 0.19, 0.22}), wall: plaster(vec{0.34, 0.42, 0.48}), mood: overcast}
	h := deskFor(seated)
	s.skirting()
	s.window(1.10, 1.50, 0.70, 0.85)
	s.shelf(-0.70, 1.62, 0.70, paintWhite, 9)
	s.desk(paintWhite, h)
	s.monitor(h, 0.31)
	s.plant(1.50, -0.85, 1.0, 8)
	if seated {
		s.officeChair(cloth(vec{0.10, 0.17, 0.24}, 220))
	}
	return h
}

// livingRoom has no desk: a stool, a rug, pictures.
func livingRoom(s *scene, seated bool) float64 {
	s.room = room{floor: boards(vec{0.30, 0.19, 0.12}), wall: plaster(vec{0.58, 0.50, 0.45}), mood: daylight}
	s.skirting()
	s.rug(vec{0.20, 0.27, 0.30})
	s.picture(-0.66, 1.46, 0.36, 0.46, vec{0.62, 0.66, 0.62}, vec{0.36, 0.22, 0.14}, vec{0.80, 0.62, 0.20})
	s.picture(0.86, 1.52, 0.50, 0.36, vec{0.40, 0.52, 0.60}, vec{0.12, 0.22, 0.20}, vec{0.86, 0.80, 0.62})
	s.plant(1.06, -0.80, 1.0, 6)
	if seated {
		s.stool(wood(vec{0.42, 0.27, 0.15}))
	}
	return 0
}

// The people: none is anybody.
var (
	anna = &person{name: "anna", scale: 0.96, girth: 0.90, skin: vec{0.62, 0.41, 0.30}, hair: vec{0.11, 0.050, 0.024},
		shirt: striped(vec{0.66, 0.64, 0.58}, vec{0.055, 0.10, 0.22}, 0.055), trousers: cloth(vec{0.060, 0.085, 0.15}, 260),
		shoe: cloth(vec{0.50, 0.12, 0.09}, 200), look: look{style: hairBun}}
	ben = &person{name: "ben", scale: 1.02, girth: 1.06, skin: vec{0.60, 0.39, 0.28}, hair: vec{0.045, 0.028, 0.018},
		shirt: cloth(vec{0.10, 0.26, 0.48}, 200), trousers: cloth(vec{0.055, 0.060, 0.075}, 260),
		shoe: cloth(vec{0.06, 0.045, 0.035}, 200), hood: true, look: look{style: hairShort, beard: true}}
	chidi = &person{name: "chidi", scale: 1.03, girth: 0.98, skin: vec{0.155, 0.078, 0.046}, hair: vec{0.012, 0.010, 0.009},
		shirt: cloth(vec{0.62, 0.36, 0.06}, 200), trousers: cloth(vec{0.20, 0.17, 0.12}, 260),
		shoe: cloth(vec{0.55, 0.55, 0.53}, 200), shortSleeves: true, look: look{style: hairCrop, glasses: true}}
	devi = &person{name: "devi", scale: 0.95, girth: 0.94, skin: vec{0.32, 0.185, 0.115}, hair: vec{0.014, 0.010, 0.009},
		shirt: cloth(vec{0.44, 0.08, 0.12}, 200), trousers: cloth(vec{0.10, 0.10, 0.11}, 260),
		shoe: cloth(vec{0.12, 0.11, 0.11}, 200), look: look{style: hairTail}}
	emil = &person{name: "emil", scale: 1.0, girth: 1.22, skin: vec{0.66, 0.44, 0.35}, hair: vec{0.30, 0.29, 0.28},
		shirt: cloth(vec{0.12, 0.24, 0.15}, 200), trousers: cloth(vec{0.24, 0.20, 0.15}, 260),
		shoe: cloth(vec{0.14, 0.08, 0.05}, 200), look: look{style: hairGone, glasses: true}}
	fumi = &person{name: "fumi", scale: 0.97, girth: 0.92, skin: vec{0.60, 0.43, 0.31}, hair: vec{0.018, 0.014, 0.013},
		shirt: cloth(vec{0.58, 0.60, 0.62}, 200), trousers: cloth(vec{0.045, 0.060, 0.11}, 260),
		shoe: cloth(vec{0.60, 0.60, 0.58}, 200), shortSleeves: true, look: look{style: hairShort}}
)

func typing(neck, torso float64) stance { return stance{neck: neck, torso: torso, hands: handsTyping} }
func reading(neck, torso float64) stance {
	return stance{neck: neck, torso: torso, hands: handsReading}
}
func resting(neck, torso float64) stance {
	return stance{neck: neck, torso: torso, hands: handsResting}
}
func (st stance) upright() stance { st.standing = true; return st }

// shots lists the committed pictures, from upright to slouched.
var shots = []shot{
	{"anna_upright", anna, typing(10, 2), study, false, 3},
	{"anna_leaning", anna, typing(26, 9), study, false, 3},
	{"anna_slouched", anna, typing(44, 18), study, false, 3},
	{"anna_standing", anna, typing(12, 1).upright(), study, false, 3},
	{"ben_upright", ben, typing(14, 4), kitchen, true, 5},
	{"ben_neck_forward", ben, typing(36, 6), kitchen, true, 5},
	{"ben_slouched", ben, typing(48, 22), kitchen, true, 5},
	{"ben_phone", ben, reading(40, 8).upright(), livingRoom, true, 6},
	{"chidi_upright", chidi, typing(12, 0), office, false, -4},
	{"chidi_leaning", chidi, typing(30, 14), office, false, -4},
	{"chidi_standing", chidi, typing(16, 2).upright(), office, false, -4},
	{"devi_upright", devi, typing(8, 3), office, true, 2},
	{"devi_neck_forward", devi, typing(38, 5), office, true, 2},
	{"devi_slouched", devi, typing(50, 26), office, true, 2},
	{"emil_upright", emil, resting(15, 2), livingRoom, false, 4},
	{"emil_leaning", emil, typing(28, 11), kitchen, false, 4},
	{"emil_slouched", emil, typing(42, 20), kitchen, false, 4},
	{"fumi_upright", fumi, resting(9, 1), livingRoom, true, -3},
	{"fumi_phone", fumi, reading(42, 12), livingRoom, true, -3},
	{"fumi_standing", fumi, resting(11, 0).upright(), livingRoom, true, -3},
	{"fumi_leaning", fumi, typing(24, 12), study, true, 4},
	{"nobody", nil, stance{}, study, false, 0},
}
