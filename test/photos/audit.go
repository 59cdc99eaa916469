package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// outcome is what became of a file: one of status, refused and fault is set.
type outcome struct {
	file    string
	size    int64
	status  string // the posture's
	refused string // the reason
	fault   string // of the program
}

// filesBelow lists all files of a folder, links to files among them. What a program could only wait at, pipes and the like,
// is left out.
func filesBelow(folder string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Type().IsRegular() || d.Type()&fs.ModeSymlink != 0 && !isFolder(path) {
			files = append(files, path)
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s holds no files", folder)
	}
	return files, err
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// batchSize keeps the command line far below what a system takes.
const batchSize = 200

// audit runs the command on the files, batch by batch. A batch that goes wrong is taken apart, so that the fault is its
// file's.
func audit(ctx context.Context, command, files []string) []outcome {
	var all []outcome
	for len(files) > 0 && ctx.Err() == nil {
		n := min(batchSize, len(files))
		outcomes, err := analyze(ctx, command, files[:n])
		for i := 0; err != nil && i < n && ctx.Err() == nil; i++ {
			one, errOne := analyze(ctx, command, files[i:i+1])
			if errOne != nil {
				one = []outcome{{file: files[i], fault: errOne.Error()}}
			}
			outcomes = append(outcomes, one...)
		}
		if err != nil && !anyFault(outcomes) { // no file does it alone
			outcomes = append(outcomes, outcome{file: files[0], fault: fmt.Sprintf("together with the %d files after it: %v", n-1, err)})
		}
		all, files = append(all, outcomes...), files[n:]
	}
	for i := range all {
		if info, err := os.Stat(all[i].file); err == nil {
			all[i].size = info.Size()
		}
	}
	return all
}

func anyFault(outcomes []outcome) bool {
	for _, o := range outcomes {
		if o.fault != "" {
			return true
		}
	}
	return false
}

// analyze runs the command once. An error says that the program died, or that its lines are not one a file, in order.
func analyze(ctx context.Context, command, files []string) ([]outcome, error) {
	cmd := exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], files...)...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	code, err := exitCode(cmd.Run())
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, head(problems.String()))
	}
	outcomes, err := readLines(out.Bytes(), files)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, head(problems.String()))
	}
	refused := 0
	for _, o := range outcomes {
		if o.refused != "" {
			refused++
		}
	}
	if (code == 1) != (refused > 0) && !anyFault(outcomes) {
		return nil, fmt.Errorf("exit code %d with %d files refused", code, refused)
	}
	return outcomes, nil
}

// exitCode is 0 or 1; all else is a death.
func exitCode(err error) (int, error) {
	var ended *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &ended) && ended.ExitCode() == 1:
		return 1, nil
	}
	return 0, fmt.Errorf("the program died: %w", err)
}

// head is the beginning of what a program said as it died.
func head(text string) string { return text[:min(len(text), 2000)] }

// readLines reads one JSON object a file.
func readLines(text []byte, files []string) ([]outcome, error) {
	var outcomes []outcome
	lines := json.NewDecoder(bytes.NewReader(text))
	for lines.More() {
		var line struct {
			File   string
			Status *string `json:"posture_status"`
			Error  *string
		}
		if err := lines.Decode(&line); err != nil {
			return nil, fmt.Errorf("a line is no JSON: %w", err)
		}
		if n := len(outcomes); n >= len(files) || line.File != strings.ToValidUTF8(files[n], "\ufffd") {
			return nil, fmt.Errorf("a line for %q is out of place", line.File)
		}
		outcomes = append(outcomes, judge(files[len(outcomes)], line.Status, line.Error))
	}
	if len(outcomes) < len(files) {
		return nil, fmt.Errorf("nothing was said of %s and %d after it", files[len(outcomes)], len(files)-len(outcomes)-1)
	}
	return outcomes, nil
}

func judge(file string, status, reason *string) outcome {
	o := outcome{file: file}
	switch {
	case reason != nil && strings.TrimSpace(*reason) == "":
		o.fault = "refused without a reason"
	case reason != nil && status != nil:
		o.fault = "refused and judged at once"
	case reason != nil:
		o.refused = *reason
	case status == nil || *status == "":
		o.fault = "neither refused nor judged"
	default:
		o.status = *status
	}
	return o
}
