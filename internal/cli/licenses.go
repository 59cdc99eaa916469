package cli

import (
	"bufio"

	"plumbline/internal/licenses"
)

type licensesCommand struct{}

func (licensesCommand) Run(p *Process) error {
	out := bufio.NewWriter(p.Stdout)
	if err := licenses.Write(out); err != nil {
		return err
	}
	return out.Flush()
}
