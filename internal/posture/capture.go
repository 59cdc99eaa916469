package posture

import (
	"image"
	"time"
)

// Capture is one picture that a device sent, still encoded and not yet looked at.
type Capture struct {
	ID         string    // unique and sortable by time of receipt (ULID, 26 characters)
	Device     string    // the last level of the topic it came on
	Topic      string    // the whole topic
	Source     string    // the sender's own name for the picture; empty when it gave none; never trusted as a path
	ReceivedAt time.Time // UTC, when the hub received it
	TakenAt    time.Time // UTC, when the sender says it took it; zero when it did not say
	Picture    []byte    // JPEG, PNG or WebP as the device encoded it
}

// Frame is a decoded picture, upright: Pix holds Height rows of Width pixels, three bytes each (red, green, blue),
// without padding between rows. Or, where Planes is not nil, Pix is empty, and the picture is what libjpeg makes of these
// planes: pixels that nobody reads are not made.
type Frame struct {
	Width, Height int
	Pix           []byte
	Planes        *image.YCbCr // of 4:2:0
}
