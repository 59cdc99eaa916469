// Command dist checks the binaries that are given to others: that each loads on a Linux with glibc 2.28, that an image of both is
// small enough, and that the arm64 one, run by qemu, finds in a picture what the amd64 one finds. It builds nothing (make dist does).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"runtime"
	"slices"
)

type options struct {
	folder  string // holds plumbline-linux-amd64 and plumbline-linux-arm64
	picture string // shows a person
	sysroot string // an arm64 system's libraries, and a /proc/cpuinfo for them
	base    string // root filesystems for images, one an architecture
}

func main() {
	var o options
	flag.StringVar(&o.folder, "folder", "dist", "where the binaries are")
	flag.StringVar(&o.picture, "picture", "", "a picture of a person, which both binaries analyse")
	flag.StringVar(&o.sysroot, "sysroot", ".tools/sysroot/arm64", "arm64 libraries for qemu-aarch64")
	flag.StringVar(&o.base, "base", "", "folder with the root filesystems amd64 and arm64, on which the image is built and weighed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	amd64, arm64 := filepath.Join(o.folder, "plumbline-linux-amd64"), filepath.Join(o.folder, "plumbline-linux-arm64")
	if err := errors.Join(checkELF(amd64, libc), checkELF(arm64, libc)); err != nil {
		return err
	}
	fmt.Println("both binaries ask for glibc 2.28 or older and for no other library")
	if o.base != "" {
		if err := checkImage(ctx, filepath.Join(o.folder, "plumbline-linux-"+runtime.GOARCH), o.base); err != nil {
			return err
		}
	}
	if o.picture == "" {
		return nil
	}
	// --model lite: qemu is slow, and the path through the code is the same.
	here, err := analyze(ctx, o.picture, amd64)
	if err != nil {
		return fmt.Errorf("analysing with the amd64 binary: %w", err)
	}
	there, err := analyze(ctx, o.picture, "qemu-aarch64", "-L", o.sysroot, arm64)
	if err != nil {
		return fmt.Errorf("analysing with the arm64 binary: %w", err)
	}
	if err := compare(here, there); err != nil {
		return fmt.Errorf("amd64 and arm64 differ: %w", err)
	}
	fmt.Printf("amd64 and arm64 agree on %s: neck %.1f, torso %.1f, %s\n", filepath.Base(o.picture), *here.Neck, *here.Torso, here.Status)
	return nil
}

// analyze runs a binary on a picture as on a new machine, with an empty cache folder, and checks the library that it has
// inside.
func analyze(ctx context.Context, picture string, command ...string) (reading, error) {
	cache, err := os.MkdirTemp("", "plumbline-dist-")
	if err != nil {
		return reading{}, err
	}
	defer os.RemoveAll(cache)
	run := func(more ...string) *exec.Cmd {
		args := slices.Concat(command[1:], []string{"analyze", "--json", "--model", "lite", picture}, more)
		c := exec.CommandContext(ctx, command[0], args...)
		c.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
		return c
	}
	analysis := run()
	analysis.Stderr = os.Stderr
	out, err := analysis.Output()
	if err != nil {
		return reading{}, err
	}
	// On a CPU the library stays packed. A GPU is what it is unpacked for; that the one inside then turns out to know none is no
	// matter here.
	_ = run("--device", "cuda").Run()
	if err := checkUnpacked(cache); err != nil {
		return reading{}, err
	}
	return parse(out)
}

func checkUnpacked(folder string) error {
	libraries := 0
	err := filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !isLibrary(entry.Name()) {
			return err
		}
		libraries++
		return checkELF(file, slices.Concat(libc, libcxx))
	})
	if err == nil && libraries == 0 {
		err = errors.New("no library was unpacked")
	}
	return err
}

// isLibrary tells libthing.so and libthing.so.1 from what lies beside them.
func isLibrary(name string) bool {
	plain, _ := path.Match("lib*.so", name)
	versioned, _ := path.Match("lib*.so.*[0-9]", name)
	return plain || versioned
}
