package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen shows a block of lines that is drawn again in place on a terminal. Elsewhere a line is written when it is new. Several may
// write at once.
type screen struct {
	w     io.Writer
	mu    sync.Mutex
	block []string // as it stands on the terminal, or was written last
	shown int      // lines of it on the terminal
}

const (
	upOneLine = "\x1b[1A"
	clearLine = "\r\x1b[2K"
	newLine   = "\r\n" // also where a raw terminal makes nothing more of \n
)

// draw shows the block as it is now.
func (s *screen) draw(lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.redraw(lines)
}

func (s *screen) redraw(lines []string) {
	if !isTerminal(s.w) {
		for _, l := range lines {
			if !slices.Contains(s.block, l) && strings.TrimSpace(l) != "" {
				fmt.Fprintln(s.w, l)
			}
		}
		s.block = slices.Clone(lines)
		return
	}
	var out strings.Builder
	out.WriteString(s.erased())
	width, height := s.size()
	for _, l := range lines[:min(len(lines), height-1)] {
		out.WriteString(clearLine + cut(l, width) + newLine)
		s.shown++
	}
	fmt.Fprint(s.w, out.String())
	s.block = slices.Clone(lines)
}

// say writes a line that stays, above the block.
func (s *screen) say(format string, args ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, args...), "\n")
	s.mu.Lock()
	defer s.mu.Unlock()
	if !isTerminal(s.w) {
		fmt.Fprintln(s.w, text)
		return
	}
	fmt.Fprint(s.w, s.erased()+strings.ReplaceAll(text, "\n", newLine)+newLine)
	if len(s.block) > 0 {
		s.redraw(s.block)
	}
}

// leave lets the block stand as it is, and begins below it.
func (s *screen) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.block, s.shown = nil, 0
}

// remove takes the block away.
func (s *screen) remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isTerminal(s.w) {
		fmt.Fprint(s.w, s.erased())
	}
	s.block, s.shown = nil, 0
}

func (s *screen) erased() string {
	out := strings.Repeat(upOneLine+clearLine, s.shown)
	s.shown = 0
	return out
}

// size of the terminal; a usual one where it does not tell.
func (s *screen) size() (width, height int) {
	if f, ok := s.w.(*os.File); ok {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 1 {
			return w, h
		}
	}
	return 80, 24
}

// cut shortens a line so that the terminal does not wrap it: what is drawn again must have as many lines as it was drawn with.
func cut(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	runes := []rune(line)
	return string(runes[:max(width-1, 0)]) + "…"
}

// key is what was pressed.
type key rune

const (
	escape key = 0x1b
	enter  key = '\r'
	ctrlC  key = 3
)

// keyboard gives keys as they are pressed, without waiting for a line's end. Close gives the terminal back as it was.
type keyboard struct {
	keys  chan key // closed when nothing more can be read
	close func()
}

// openKeyboard takes the terminal that stdin is; nil: it is none.
func openKeyboard(ctx context.Context, stdin io.Reader) *keyboard {
	f, ok := stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	before, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return nil
	}
	k := &keyboard{keys: make(chan key), close: func() { _ = term.Restore(int(f.Fd()), before) }}
	go k.read(ctx, f)
	return k
}

// read passes keys on until the context ends. What a key sends as one sequence, such as an arrow or Alt with another, comes in one
// piece and is passed over: it begins as ESC does.
func (k *keyboard) read(ctx context.Context, from io.Reader) {
	defer close(k.keys)
	for buffer := make([]byte, 32); ; {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		pressed := buffer[:n]
		if n > 1 && key(pressed[0]) == escape && pressed[1] >= ' ' {
			continue
		}
		for _, b := range pressed {
			if b == '\n' {
				b = '\r'
			}
			select {
			case k.keys <- key(b):
			case <-ctx.Done():
				return
			}
		}
	}
}
