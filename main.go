// Command plumbline measures how people sit and stand in the pictures that cameras send.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"plumbline/internal/cli"
	_ "plumbline/internal/timerslack" // takes effect before main
)

// version is set by the build, as [plumbline:VERSION]: whoever packs this program into an image finds it in the file by that, without
// running what may be for another processor. This text stays in the file beside it, and so must not look like it.
var version = "development"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, cli.Process{
		Name: os.Args[0], Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Version: cli.Unstamped(version),
	})
	stop()
	os.Exit(code)
}
