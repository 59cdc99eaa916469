package helm

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// tree is a YAML value of which parts are there only under conditions.
type tree struct {
	scalar       any // of a leaf
	alternatives []alternative
	isMap        bool
	isList       bool
	entries      []*entry
}

// alternative is what a leaf is under a condition.
type alternative struct {
	when   string
	scalar any
}

// entry is a field of a map or an item of a list.
type entry struct {
	id   string // a map's key, or what a list's item is told by
	raw  any
	when []string // all of them
	*tree
}

func grow(v any) *tree {
	switch v := v.(type) {
	case map[string]any:
		t := &tree{isMap: true}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			t.entries = append(t.entries, &entry{id: key, raw: v[key], tree: grow(v[key])})
		}
		return t
	case []any:
		t := &tree{isList: true}
		for _, item := range v {
			t.entries = append(t.entries, &entry{id: identity(item), raw: item, tree: grow(item)})
		}
		return t
	}
	return &tree{scalar: v}
}

// identity is by what two versions of a list's item are known as one: an object's kind and name, a name, or else all of it.
func identity(v any) string {
	m, _ := v.(map[string]any)
	if meta, ok := m["metadata"].(map[string]any); ok && m["kind"] != nil {
		return fmt.Sprint(m["apiVersion"], " ", m["kind"], " ", meta["name"])
	}
	if name, ok := m["name"].(string); ok {
		return name
	}
	text, _ := json.Marshal(v) // it came out of JSON
	return string(text)
}

// differ notes what becomes of a part when a condition holds.
func (t *tree) differ(before, after any, when string) error {
	if reflect.DeepEqual(before, after) {
		return nil
	}
	switch before := before.(type) {
	case map[string]any:
		if after, ok := after.(map[string]any); ok {
			return t.differInFields(before, after, when)
		}
	case []any:
		if after, ok := after.([]any); ok {
			return t.differInItems(before, after, when)
		}
	default:
		if !t.isMap && !t.isList {
			t.alternatives = append(t.alternatives, alternative{when, after})
			return nil
		}
	}
	return fmt.Errorf("under %s a value changes its kind, from %v to %v", when, before, after)
}

func (t *tree) differInFields(before, after map[string]any, when string) error {
	for _, key := range slices.Sorted(maps.Keys(before)) {
		e := t.find(key, before[key], 0)
		next, stays := after[key]
		switch {
		case e < 0:
			return fmt.Errorf("under %s the field %s changes, which another condition made", when, key)
		case !stays:
			t.entries[e].when = append(t.entries[e].when, not(when))
		default:
			if err := t.entries[e].differ(before[key], next, when); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if _, was := before[key]; !was {
			t.entries = append(t.entries, &entry{id: key, raw: after[key], when: []string{when}, tree: grow(after[key])})
		}
	}
	slices.SortStableFunc(t.entries, func(a, b *entry) int { return strings.Compare(a.id, b.id) })
	return nil
}

// differInItems follows the edits that make the one list of the other. What is new comes before the next item that was there, and
// so after what earlier conditions have put there.
func (t *tree) differInItems(before, after []any, when string) error {
	at := 0
	for _, e := range edits(before, after) {
		next := len(t.entries)
		if e.before < len(before) {
			if next = t.find(identity(before[e.before]), before[e.before], at); next < 0 {
				return fmt.Errorf("under %s an item changes that another condition made: %v", when, before[e.before])
			}
		}
		switch e.act {
		case add:
			item := after[e.after]
			t.entries = slices.Insert(t.entries, next, &entry{id: identity(item), raw: item, when: []string{when}, tree: grow(item)})
		case drop:
			t.entries[next].when = append(t.entries[next].when, not(when))
		case keep:
			if err := t.entries[next].differ(before[e.before], after[e.after], when); err != nil {
				return fmt.Errorf("%s: %w", t.entries[next].id, err)
			}
		}
		at = next + 1
	}
	return nil
}

// find gives the place of an entry that is there without this condition: the very one if there are several.
func (t *tree) find(id string, raw any, from int) int {
	found := -1
	for i := from; i < len(t.entries); i++ {
		switch e := t.entries[i]; {
		case e.id != id:
		case reflect.DeepEqual(e.raw, raw):
			return i
		case found < 0:
			found = i
		}
	}
	return found
}

// What is done to a list's items.
const (
	keep = iota
	drop
	add
)

// edit is one step; both places are of the next item.
type edit struct{ act, before, after int }

// edits make the one list of the other, along their longest common subsequence.
func edits(before, after []any) (list []edit) {
	common := commonLengths(before, after)
	for b, a := 0, 0; b < len(before) || a < len(after); {
		switch {
		case b < len(before) && a < len(after) && identity(before[b]) == identity(after[a]):
			list = append(list, edit{keep, b, a})
			b, a = b+1, a+1
		case a == len(after) || b < len(before) && common[b+1][a] >= common[b][a+1]:
			list = append(list, edit{drop, b, a})
			b++
		default:
			list = append(list, edit{add, b, a})
			a++
		}
	}
	return list
}

// commonLengths says how long the longest common subsequence is of what begins at each pair of places.
func commonLengths(before, after []any) [][]int {
	length := make([][]int, len(before)+1)
	for b := range length {
		length[b] = make([]int, len(after)+1)
	}
	for b := len(before) - 1; b >= 0; b-- {
		for a := len(after) - 1; a >= 0; a-- {
			if identity(before[b]) == identity(after[a]) {
				length[b][a] = length[b+1][a+1] + 1
			} else {
				length[b][a] = max(length[b+1][a], length[b][a+1])
			}
		}
	}
	return length
}
