package sketch

import (
	"image/color"

	"plumbline/internal/posture"
)

// ink is a colour (luma, Cb, Cr) and how opaque it is laid on, 0..1.
type ink struct {
	components [3]uint8
	opacity    float32
}

func rgb(r, g, b uint8, opacity float32) ink {
	y, cb, cr := color.RGBToYCbCr(r, g, b)
	return ink{[3]uint8{y, cb, cr}, opacity}
}

func (i ink) faded(by float32) ink {
	i.opacity *= by
	return i
}

// The colours. Good and bad differ in blue against red, not in green against red, and in lightness, so that most
// colour-blind people tell them apart (after Okabe and Ito's palette); the panel also says the word.
var (
	groundColor = rgb(26, 33, 43, 1)
	haloColor   = rgb(10, 14, 20, 0.62)
	panelColor  = rgb(13, 18, 26, 0.80)
	textColor   = rgb(244, 247, 250, 1)
	mutedColor  = rgb(176, 188, 201, 1)
	boneColor   = rgb(236, 241, 246, 0.95)
	farColor    = rgb(150, 168, 190, 0.70)
	plumbColor  = rgb(255, 255, 255, 0.95)
	brassColor  = rgb(240, 196, 92, 1)
)

// verdict is how a status is shown.
type verdict struct {
	color       ink
	long, short string // in the panel; short where there is little room
	sign        sign
}

func verdictOf(s posture.Status) verdict {
	switch s {
	case posture.Good:
		return verdict{rgb(77, 222, 180, 1), "Good posture", "Good", signCheck}
	case posture.Bad:
		return verdict{rgb(255, 128, 64, 1), "Bad posture", "Bad", signWarning}
	case posture.InsufficientLandmarks:
		return verdict{rgb(250, 206, 84, 1), "Can't be measured", "Unmeasured", signQuestion}
	case posture.NoLandmarks:
		return verdict{rgb(186, 200, 216, 1), "Nobody found", "Nobody", signDash}
	}
	return verdict{rgb(186, 200, 216, 1), string(s), string(s), signQuestion}
}
