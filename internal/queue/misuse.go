package queue

// misuse is an error of the options, or of a file that they name: whoever gave it must mend it.
type misuse struct{ error }

func (m misuse) Unwrap() error { return m.error }

// Misused says so to whoever asks.
func (misuse) Misused() bool { return true }
