// Command pack makes the files that internal/bundle embeds, from what npm installed: models and ONNX Runtime's libraries, each
// checked against package manifest and compressed. What is there already and right is left alone.
//
//	go run ./internal/bundle/pack [-modules node_modules] [-assets internal/bundle/assets] [-heavy dist/pose_landmark_heavy.tflite]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"plumbline/internal/bundle/manifest"
)

func main() {
	modules := flag.String("modules", "node_modules", "folder into which npm installed")
	assets := flag.String("assets", "internal/bundle/assets", "folder for the compressed files")
	heavy := flag.String("heavy", "dist/"+manifest.LandmarkHeavy.Name, "where to put the heavy model, which is not embedded; empty: nowhere")
	flag.Parse()
	if err := pack(*modules, *assets, *heavy); err != nil {
		fmt.Fprintln(os.Stderr, "packing models and ONNX Runtime:", err)
		os.Exit(1)
	}
}

// job is one file to pack.
type job struct {
	manifest.File
	read func() ([]byte, error)
	to   string
}

func pack(modules, assets, heavy string) error {
	var g errgroup.Group
	g.SetLimit(2) // compressing ONNX Runtime takes some 300 MB
	for _, j := range jobs(modules, assets) {
		g.Go(func() error { return compress(j) })
	}
	if heavy != "" {
		g.Go(func() error { return place(modules, heavy) })
	}
	return g.Wait()
}

// jobs lists what is embedded, the slowest first.
func jobs(modules, assets string) []job {
	var list []job
	for goarch, f := range manifest.Libraries {
		list = append(list, job{f, library(modules, goarch), filepath.Join(assets, manifest.LibraryAsset(goarch))})
	}
	slices.SortFunc(list, func(a, b job) int { return int(b.Size - a.Size) })
	for _, f := range manifest.Models {
		read := model(modules, f.Name)
		if f == manifest.Detection {
			read = detection(modules)
		}
		list = append(list, job{f, read, filepath.Join(assets, manifest.ModelAsset(f))})
	}
	return list
}
