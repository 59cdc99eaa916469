package image

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
)

// A file of any size is packed only while somebody wants it.
func TestPackingEndsInTheMiddleOfAFile(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const size = 16 << 20
	read := 0
	large := entry{path: "large", size: size, open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.TeeReader(bytes.NewReader(make([]byte, size)), writer(func(n int) {
			read += n
			cancel()
		}))), nil
	}}
	if _, err := writeLayer(ctx, t.TempDir(), []entry{large}); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
	if read == 0 || read > size/2 {
		t.Errorf("%d bytes of %d were read", read, size)
	}
}

// A layer that was packed is not read to its end, either.
func TestALayerIsReadWhileTheContextLasts(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	layer, err := writeLayer(ctx, t.TempDir(), []entry{content("small", []byte("text"))})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	r, err := layer.Compressed()
	if err == nil {
		_, err = io.ReadAll(r)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it was read: %v", err)
	}
}

type writer func(n int)

// Write is told what was read.
func (w writer) Write(b []byte) (int, error) {
	w(len(b))
	return len(b), nil
}
