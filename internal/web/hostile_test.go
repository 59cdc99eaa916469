package web_test

import "plumbline/internal/posture"

const secret = "correct horse battery staple"

// hostile is a result whose every foreign word tries to become code.
func hostile(n int) posture.Result {
	const attack = `"><img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'</li>` + "\u2028${window.pwned=1}{{.}}"
	r := seen(attack, n, posture.Good)
	r.Source, r.ProcessedBy, r.Model, r.Filename = attack, attack, attack, attack+".jpg"
	return r
}
