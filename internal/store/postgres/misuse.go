package postgres

// misuse is an error of the address that was given: whoever gave it must mend it.
type misuse struct{ error }

func (m misuse) Unwrap() error { return m.error }

// Misused says so to whoever asks.
func (misuse) Misused() bool { return true }
