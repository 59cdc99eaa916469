// Package licenses holds the licences of what travels inside the binary: models, libraries and Go modules. It holds
// texts only; what is linked is found out by its collect program, and a test compares the two.
package licenses

import (
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"strings"
)

//go:embed texts
var texts embed.FS

// notice is one text and the heading under which it is printed.
type notice struct {
	heading, file string
}

// notices are in the order of a reader's likely interest: first ours, then what was not written in Go.
var notices = []notice{
	{"Plumbline (MIT)", "texts/plumbline.txt"},
	{"MediaPipe's pose models (Apache-2.0)", "texts/mediapipe.txt"},
	{"ONNX Runtime (MIT)", "texts/onnxruntime.txt"},
	{"ONNX Runtime: third-party notices", "texts/onnxruntime-third-party.txt.gz"},
	{"libjpeg-turbo (IJG, BSD-3-Clause, zlib)", "texts/libjpeg-turbo.txt"},
	{"Zig's compiler runtime, in binaries made by make dist (MIT)", "texts/zig.txt"},
	{"Go and the Go modules", "texts/go-modules.txt"},
}

// Write prints every notice to w, each under a heading.
func Write(w io.Writer) error {
	for _, n := range notices {
		if err := n.write(w); err != nil {
			return fmt.Errorf("printing the licence of %s: %w", n.heading, err)
		}
	}
	return nil
}

func (n notice) write(w io.Writer) error {
	text, err := n.open()
	if err != nil {
		return err
	}
	defer text.Close()
	if _, err := fmt.Fprintf(w, "######## %s\n\n", n.heading); err != nil {
		return err
	}
	if _, err := io.Copy(w, text); err != nil {
		return err
	}
	_, err = fmt.Fprint(w, "\n\n")
	return err
}

func (n notice) open() (io.ReadCloser, error) {
	file, err := texts.Open(n.file)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(n.file, ".gz") {
		return gzip.NewReader(file)
	}
	return file, nil
}
