package frame

import "encoding/binary"

// JPEG markers (ITU-T T.81, table B.1).
const (
	markerTEM   = 0x01
	markerSOF0  = 0xC0
	markerDHT   = 0xC4
	markerJPG   = 0xC8
	markerDAC   = 0xCC
	markerSOF15 = 0xCF
	markerRST0  = 0xD0
	markerRST7  = 0xD7
	markerSOI   = 0xD8
	markerEOI   = 0xD9
	markerSOS   = 0xDA
	markerAPP1  = 0xE1
)

// exifPrefix is the length of "Exif\0\0" before the TIFF structure in an APP1 segment. OpenCV skips it unread.
const exifPrefix = 6

func isJPEG(p []byte) bool {
	return len(p) >= 3 && p[0] == 0xFF && p[1] == markerSOI && p[2] == 0xFF
}

// readJPEGHeader walks the segments up to the first scan as libjpeg does: stray bytes between segments are skipped. The
// orientation is the first APP1 segment's, as in OpenCV: one that comes after, say, an XMP segment is not seen.
func readJPEGHeader(p []byte) (Header, error) {
	h := Header{Format: JPEG, Orientation: Upright}
	exifSeen := false
	for rest := p[2:]; ; {
		marker, body, after, err := nextSegment(rest)
		if err != nil {
			return Header{}, err
		}
		switch {
		case marker == markerSOS:
			if h.components == 0 {
				return Header{}, refuse("the JPEG has no frame header before its first scan: it is damaged")
			}
			return h, nil
		case isFrameHeader(marker):
			if err := h.readFrame(marker, body); err != nil {
				return Header{}, err
			}
		case marker == markerAPP1 && !exifSeen:
			exifSeen = true
			if len(body) > exifPrefix {
				h.Orientation = readOrientation(body[exifPrefix:])
			}
		}
		rest = after
	}
}

// nextSegment returns the next marker that has a segment, and the segment without its length.
func nextSegment(p []byte) (marker byte, body, after []byte, err error) {
	for {
		marker, p = nextMarker(p)
		switch {
		case marker == 0 || marker == markerEOI:
			return 0, nil, nil, refuse("the JPEG ends within its header: it is truncated")
		case marker == markerSOI:
			return 0, nil, nil, refuse("the JPEG starts twice: it is damaged")
		case marker == markerTEM || marker >= markerRST0 && marker <= markerRST7:
			continue // without a segment
		}
		if len(p) < 2 {
			return 0, nil, nil, refuse("the JPEG ends within its header: it is truncated")
		}
		n := int(binary.BigEndian.Uint16(p))
		switch {
		case n < 2:
			return 0, nil, nil, refuse("the JPEG has a segment of impossible length %d: it is damaged", n)
		case n > len(p):
			return 0, nil, nil, refuse("the JPEG ends within its header: it is truncated")
		}
		return marker, p[2:n], p[n:], nil
	}
}

// nextMarker skips to the byte after the next run of 0xFF; marker is 0 at the end of the data.
func nextMarker(p []byte) (marker byte, rest []byte) {
	for i := 0; i+1 < len(p); i++ {
		if p[i] == 0xFF && p[i+1] != 0xFF && p[i+1] != 0 {
			return p[i+1], p[i+2:]
		}
	}
	return 0, nil
}

func isFrameHeader(marker byte) bool {
	return marker >= markerSOF0 && marker <= markerSOF15 &&
		marker != markerDHT && marker != markerJPG && marker != markerDAC
}

func (h *Header) readFrame(marker byte, body []byte) error {
	switch {
	case h.components != 0:
		return refuse("the JPEG has two frame headers: it is damaged")
	case len(body) < 6:
		return refuse("the JPEG has a frame header that is too short: it is damaged")
	case !isDecodable(marker):
		return refuse("the JPEG uses a coding (SOF%d) that is not supported: save it as baseline or progressive", marker-markerSOF0)
	case body[0] != 8:
		return refuse("the JPEG has %d bits a sample; only 8 are supported", body[0])
	}
	h.Height = int(binary.BigEndian.Uint16(body[1:]))
	h.Width = int(binary.BigEndian.Uint16(body[3:]))
	h.components = int(body[5])
	if n := h.components; n != 1 && n != 3 && n != 4 {
		return refuse("the JPEG has %d colour components; only 1 (grey), 3 (colour) and 4 (CMYK) are supported", n)
	}
	return nil
}

// isDecodable lists what libjpeg-turbo decodes: baseline, extended and progressive, by Huffman or arithmetic coding.
func isDecodable(marker byte) bool {
	switch marker - markerSOF0 {
	case 0, 1, 2, 9, 10:
		return true
	}
	return false
}
