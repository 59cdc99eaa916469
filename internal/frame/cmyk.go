package frame

// cmykToRGB is OpenCV's icvCvt_CMYK2BGR_8u_C4C3R. JPEGs hold CMYK inverted (255 is no ink), as Adobe writes them.
func cmykToRGB(pix, cmyk []byte) {
	for i := 0; i+4 <= len(cmyk); i += 4 {
		k := int(cmyk[i+3])
		for c := range 3 {
			pix[c] = byte(k - (255-int(cmyk[i+c]))*k>>8)
		}
		pix = pix[3:]
	}
}
