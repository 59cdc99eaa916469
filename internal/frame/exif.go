package frame

import "encoding/binary"

// Orientation is EXIF's: how a stored picture is turned and mirrored against the upright one.
type Orientation uint8

// The orientations (EXIF 2.32, tag 0x0112); each says what must be done to the stored picture.
const (
	Upright      Orientation = 1
	MirrorAcross Orientation = 2 // left becomes right
	TurnAround   Orientation = 3 // by 180 degrees
	MirrorDown   Orientation = 4 // top becomes bottom
	Transpose    Orientation = 5 // rows become columns
	TurnRight    Orientation = 6 // by 90 degrees clockwise
	Transverse   Orientation = 7 // transposed and turned around
	TurnLeft     Orientation = 8 // by 90 degrees counter-clockwise
)

func (o Orientation) swapsSides() bool { return o >= Transpose && o <= TurnLeft }

// Tags of the first image file directory that OpenCV's reader knows. A malformed value of any of them ends its reading,
// so that an orientation behind it is not applied; here likewise.
const (
	tagOrientation = 0x0112
	bytesPerEntry  = 12
)

var exifTexts = map[uint16]bool{
	0x010E: true, // ImageDescription
	0x010F: true, // Make
	0x0110: true, // Model
	0x0131: true, // Software
	0x0132: true, // DateTime
	0x8298: true, // Copyright
}

// exifRationals is how many 8-byte fractions each tag points to.
var exifRationals = map[uint16]int{
	0x011A: 1, // XResolution
	0x011B: 1, // YResolution
	0x013E: 2, // WhitePoint
	0x013F: 6, // PrimaryChromaticities
	0x0211: 3, // YCbCrCoefficients
	0x0214: 6, // ReferenceBlackWhite
}

// tiff is EXIF's structure: a TIFF header and directories, in either byte order.
type tiff struct {
	bytes []byte
	order binary.ByteOrder
}

// readOrientation reads the orientation from a TIFF structure, Upright where there is none that can be read. It goes
// through the first directory once, bounded by the structure's length.
func readOrientation(b []byte) Orientation {
	if len(b) < 8 {
		return Upright
	}
	t := tiff{b, binary.BigEndian}
	if b[0] == 'I' && b[1] == 'I' {
		t.order = binary.LittleEndian
	}
	if t.order.Uint16(b[2:]) != 0x2A {
		return Upright
	}
	return t.orientation(int64(t.order.Uint32(b[4:])))
}

func (t tiff) orientation(directory int64) Orientation {
	count, ok := t.u16(directory)
	if !ok {
		return Upright
	}
	for i := range int64(count) {
		entry := directory + 2 + i*bytesPerEntry
		tag, ok := t.u16(entry)
		if !ok || !t.wellFormed(tag, entry) {
			return Upright
		}
		if tag == tagOrientation {
			return t.orientationAt(entry)
		}
	}
	return Upright
}

func (t tiff) orientationAt(entry int64) Orientation {
	v, ok := t.u16(entry + 8)
	if !ok || v < uint16(Upright) || v > uint16(TurnLeft) {
		return Upright
	}
	return Orientation(v)
}

// wellFormed reports whether OpenCV would read past this entry. It looks for short texts at offset 8 of the structure,
// not in the entry; that is its mistake, kept here.
func (t tiff) wellFormed(tag uint16, entry int64) bool {
	if exifTexts[tag] {
		size, ok := t.u32(entry + 4)
		start := int64(8)
		if ok && size > 4 {
			start, ok = t.u32(entry + 8)
		}
		return ok && start+size <= int64(len(t.bytes))
	}
	if n := exifRationals[tag]; n > 0 {
		start, ok := t.u32(entry + 8)
		return ok && start+int64(n)*8 <= int64(len(t.bytes))
	}
	return true
}

func (t tiff) u16(at int64) (uint16, bool) {
	if at < 0 || at+2 > int64(len(t.bytes)) {
		return 0, false
	}
	return t.order.Uint16(t.bytes[at:]), true
}

func (t tiff) u32(at int64) (int64, bool) {
	if at < 0 || at+4 > int64(len(t.bytes)) {
		return 0, false
	}
	return int64(t.order.Uint32(t.bytes[at:])), true
}
