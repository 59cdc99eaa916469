//go:build !unix

package queue

import "errors"

// freeDisk can't tell here; give MaxQueueBytes.
func freeDisk(string) (int64, error) {
	return 0, errors.New("the free disk can't be told on this system; give the queue's size")
}
