// Command photos sends every file of a folder, pictures or not, through `plumbline analyze` and says what became of each: its
// size, and what was found or why it was refused. It fails where the program dies, says nothing of a file, or refuses one
// without a reason. Whether the landmarks are right is the parity program's business.
//
//	make photos PICTURES=folder
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	program := flag.String("plumbline", "dist/plumbline", "the program to try")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: photos [-plumbline PROGRAM] FOLDER [flags of plumbline analyze]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	faults, err := run(ctx, os.Stdout, *program, flag.Arg(0), flag.Args()[1:])
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "photos:", err)
		os.Exit(2)
	case faults > 0:
		os.Exit(1)
	}
}

// run audits a folder and reports; it gives the number of faults.
func run(ctx context.Context, out io.Writer, program, folder string, flags []string) (faults int, err error) {
	files, err := filesBelow(folder)
	if err != nil {
		return 0, err
	}
	outcomes := audit(ctx, append([]string{program, "analyze", "--json"}, flags...), files)
	refused := 0
	for _, o := range outcomes {
		name, err := filepath.Rel(folder, o.file)
		if err != nil {
			name = o.file
		}
		fmt.Fprintf(out, "%-44s %9d  %s\n", name, o.size, o)
		if o.refused != "" {
			refused++
		}
		if o.fault != "" {
			faults++
		}
	}
	fmt.Fprintf(out, "%d files: %d analysed, %d refused, %d faults\n", len(outcomes), len(outcomes)-refused-faults, refused, faults)
	return faults, ctx.Err()
}

func (o outcome) String() string {
	switch {
	case o.fault != "":
		return "FAULT: " + strings.ReplaceAll(o.fault, "\n", "\n    ")
	case o.refused != "":
		return "refused: " + o.refused
	}
	return o.status
}
