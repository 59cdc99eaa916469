package row

import "time"

// Retention says which rows one call removes.
type Retention struct {
	Before time.Time // rows of pictures received before; a row without that time stays
	Batch  int       // at most so many
	Now    time.Time
	// Noted: the ids of rows analysed before this are not noted, since nobody asks for them any more.
	Noted time.Time
}
