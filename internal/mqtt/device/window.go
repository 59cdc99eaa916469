package device

import "slices"

// outgoing is a picture on its way.
type outgoing struct {
	id      uint16
	name    string
	payload []byte
	sent    bool // at least once
}

// window holds what is not yet acknowledged, in the order of sending.
type window struct {
	most   int
	onWay  []*outgoing
	lastID uint16
}

func newWindow(most int) *window { return &window{most: most} }

func (w *window) full() bool  { return len(w.onWay) >= w.most }
func (w *window) empty() bool { return len(w.onWay) == 0 }

// add gives a picture the next packet identifier that is free; 0 is none. There are more identifiers than a window holds.
func (w *window) add(name string, payload []byte) *outgoing {
	for {
		w.lastID++
		if w.lastID != 0 && w.index(w.lastID) < 0 {
			break
		}
	}
	o := &outgoing{id: w.lastID, name: name, payload: payload}
	w.onWay = append(w.onWay, o)
	return o
}

// settle takes a picture off; nil when none is on its way under this identifier.
func (w *window) settle(id uint16) *outgoing {
	i := w.index(id)
	if i < 0 {
		return nil
	}
	o := w.onWay[i]
	w.onWay = slices.Delete(w.onWay, i, i+1)
	return o
}

func (w *window) index(id uint16) int {
	return slices.IndexFunc(w.onWay, func(o *outgoing) bool { return o.id == id })
}
