package placement

import (
	"hash/fnv"
	"slices"
	"strconv"
	"sync"
	"time"

	"plumbline/internal/gpu"
)

// Record is a decision that was made, and what came of it.
type Record struct {
	ID       string       `json:"id"` // stands on the pod, too
	At       time.Time    `json:"at"`
	Why      string       `json:"why"`             // for people
	Error    string       `json:"error,omitempty"` // what Kubernetes had against it
	Decision gpu.Decision `json:"decision"`        // with all it was made from: Again makes it again
}

// Records are the last decisions.
type Records struct {
	mu   sync.Mutex
	keep int
	all  []Record
}

func (r *Records) add(d Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) >= r.keep {
		r.all = slices.Delete(r.all, 0, len(r.all)-r.keep+1)
	}
	r.all = append(r.all, d)
}

// Last gives the last decisions, the youngest first.
func (r *Records) Last() []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Clone(r.all)
	slices.Reverse(out)
	return out
}

// identify names a decision, so that pod, log, Event and record can be laid side by side.
func identify(uid string, at time.Time) string {
	return strconv.FormatInt(at.UnixMilli(), 36) + "-" + strconv.FormatUint(drawOf(uid)>>40, 36)
}

// drawOf makes the lot of a pod from its UID: another for each, and the same when the decision is made again.
func drawOf(uid string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(uid)) // a hash takes everything
	return h.Sum64()
}
