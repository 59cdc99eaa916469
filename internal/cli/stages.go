package cli

import (
	"context"
	"errors"
	"fmt"
)

// stages are the running parts of a role. They are stopped one after the other, the last started first, so that each
// can rely on those started before it until its own end.
type stages struct {
	fail    context.CancelCauseFunc // ends the role when a part ends by itself
	running []stage
}

type stage struct {
	name   string
	cancel context.CancelFunc
	done   chan error
}

// start runs a part until its context ends. A part that ends with an error before ends the whole role.
func (s *stages) start(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	st := stage{name, cancel, make(chan error, 1)}
	go func() {
		err := run(ctx)
		switch {
		case errors.Is(err, context.Canceled) && ctx.Err() != nil:
			err = nil
		case err != nil:
			err = fmt.Errorf("%s: %w", name, err)
			s.fail(err)
		}
		st.done <- err
	}()
	s.running = append(s.running, st)
}

// closing adds something that only has to be closed.
func (s *stages) closing(name string, shut func() error) {
	s.start(name, func(ctx context.Context) error {
		<-ctx.Done()
		return shut()
	})
}

// stop ends all parts and gives what went wrong in them.
func (s *stages) stop() error {
	var problems []error
	for len(s.running) > 0 {
		last := s.running[len(s.running)-1]
		s.running = s.running[:len(s.running)-1]
		last.cancel()
		problems = append(problems, <-last.done)
	}
	return errors.Join(problems...)
}
