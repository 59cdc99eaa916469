package queue

import "testing"

func TestBlameBeforeADelivery(t *testing.T) {
	for name, c := range map[string]struct {
		note      note
		delivered uint64
		want      int
	}{
		"the first":                                   {note{}, 1, 0},
		"a worker died with it":                       {note{}, 2, 1},
		"workers died before its turn came":           {note{}, 5, 1},
		"released":                                    {note{Run: "this", Delivered: 1}, 2, 0},
		"released, then a worker died":                {note{Run: "this", Delivered: 1}, 3, 1},
		"an attempt began and never ended":            {note{Run: "this", Delivered: 2, Blame: 2}, 3, 2},
		"after that attempt a worker died before one": {note{Run: "this", Delivered: 2, Blame: 2}, 4, 2},
		"blamed in an earlier run":                    {note{Run: "earlier", Delivered: 9, Blame: 3}, 1, 3},
		"released in an earlier run, died in this":    {note{Run: "earlier", Delivered: 9}, 2, 1},
	} {
		if got := c.note.before("this", c.delivered); got != c.want {
			t.Errorf("%s: blame %d, want %d", name, got, c.want)
		}
	}
}
