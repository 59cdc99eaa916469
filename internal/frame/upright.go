package frame

import "plumbline/internal/posture"

// turn writes src into dst turned upright, as OpenCV applies EXIF orientations. dst has its sides set already.
func turn(dst, src *posture.Frame, o Orientation) {
	start, right, down := steps(src.Width, src.Height, o)
	out := dst.Pix
	for range dst.Height {
		at := start
		for range dst.Width {
			d, s := out[:3:3], src.Pix[at:at+3:at+3]
			d[0], d[1], d[2] = s[0], s[1], s[2]
			out = out[3:]
			at += right
		}
		start += down
	}
}

// steps returns, in bytes of the stored picture of w x h pixels, where the upright picture's first pixel lies and what
// one step to its right and one step down are.
func steps(w, h int, o Orientation) (start, right, down int) {
	const across = 3
	row := 3 * w
	lastColumn, lastRow := (w-1)*across, (h-1)*row
	switch o {
	case MirrorAcross:
		return lastColumn, -across, row
	case TurnAround:
		return lastColumn + lastRow, -across, -row
	case MirrorDown:
		return lastRow, across, -row
	case Transpose:
		return 0, row, across
	case TurnRight:
		return lastRow, -row, across
	case Transverse:
		return lastColumn + lastRow, -row, -across
	case TurnLeft:
		return lastColumn, row, -across
	}
	return 0, across, row
}
