package prom

import "strings"

// Decode gives the number of series in an answer.
func Decode(text string) (int, error) {
	all, _, err := decode(strings.NewReader(text), "q")
	for _, s := range all {
		_, _ = s.key(), s.asked
	}
	return len(all), err
}
