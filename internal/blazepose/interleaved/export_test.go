//go:build cgo

package interleaved

// Variants lists the instruction sets that this processor has, by name.
func Variants() map[string]int {
	all := map[string]int{}
	for name, v := range variantNumbers {
		if v == int(variant) || name == "AVX2" && int(variant) == variantNumbers["AVX-512"] {
			all[name] = v
		}
	}
	return all
}

// Use makes a session run another variant.
func (s *Session) Use(v int) { s.use(v) }
