package cli

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"plumbline/internal/config"
	"plumbline/internal/line"
	"plumbline/internal/posture"
)

type analyzeCommand struct {
	config.Inference    `embed:"" group:"Inference"`
	config.Limits       `embed:"" group:"Limits"`
	config.Judging      `embed:"" group:"Judgement"`
	config.QuietLogging `embed:"" group:"Logging"`

	Files    []string `arg:"" help:"Pictures, folders or patterns; - reads one picture from standard input."`
	JSON     bool     `help:"One JSON object a line." name:"json"`
	Save     string   `help:"Folder for annotated pictures." placeholder:"DIR" type:"path" env:"-"`
	Pictures string   `help:"What --save draws: ${enum}." enum:"annotated,skeleton,none" default:"annotated"`
	Workers  int      `help:"Inference sessions, one thread each (default: one a core)." default:"-1" placeholder:"N"`
}

// Help shows examples.
func (analyzeCommand) Help() string {
	return `Examples:
  plumbline analyze photo.jpg
  plumbline analyze pictures/ --json > landmarks.jsonl
  plumbline analyze 'pictures/*.jpg' --save annotated --precision 5
  cat photo.jpg | plumbline analyze -

The exit code is 1 when any picture was refused.`
}

// analyzed is what became of one file.
type analyzed struct {
	file          string
	width, height int
	assessment    posture.Assessment
	err           error
}

func (c *analyzeCommand) Run(ctx context.Context, p *Process, file *configFile) error {
	if err := c.Inference.Validate(); err != nil {
		return misused(err)
	}
	if c.Save != "" && c.Pictures == "none" { // a hub's setting, perhaps, that this command shares
		return misused(errors.New("--pictures none leaves nothing to save: give --pictures annotated or skeleton, or leave --save out"))
	}
	judge, err := judge(c.Judging, file, c.Model)
	if err != nil {
		return err
	}
	files, err := expand(c.Files)
	if err != nil {
		return misused(err)
	}
	rt, err := openInference(c.Inference, newLog(p, config.Logging(c.QuietLogging)))
	if err != nil {
		return err
	}
	defer rt.Close()
	out := newReport(p, c.JSON, len(files))
	pictures := "none"
	if c.Save != "" {
		pictures = c.Pictures
	}
	run := analysis{files: files, stdin: p.Stdin, judge: judge, save: c.Save, limits: c.Limits,
		newSession: sessionMaker(rt, limits(c.Limits), c.Precision, pictures), workers: max(1, min(workers(c.Workers), len(files)))}
	if err := run.all(ctx, out.add); err != nil {
		return err
	}
	return out.close()
}

// expand turns folders and patterns into files, in order, each once; a name that matches nothing stays, to be refused
// with its reason.
func expand(names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		info, err := os.Stat(name)
		switch {
		case name == "-":
			files = append(files, name)
		case err == nil && info.IsDir():
			found, err := picturesBelow(name)
			if err != nil {
				return nil, err
			}
			files = append(files, found...)
		case err != nil && strings.ContainsAny(name, "*?["):
			found, err := filepath.Glob(name)
			if err != nil {
				return nil, fmt.Errorf("the pattern %q: %w", name, err)
			}
			if len(found) == 0 {
				return nil, fmt.Errorf("no file matches %q", name)
			}
			files = append(files, found...)
		default:
			files = append(files, name)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("no pictures found there (looked for .jpg, .jpeg, .png, .webp)")
	}
	return files, nil
}

var pictureEndings = []string{".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp"}

func picturesBelow(folder string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("looking into %s: %w", folder, err)
		}
		if !d.IsDir() && slices.Contains(pictureEndings, strings.ToLower(filepath.Ext(path))) {
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

// analysis is a run over many files with several sessions, reported in the files' order.
type analysis struct {
	files      []string
	stdin      io.Reader
	judge      posture.Judge
	save       string
	limits     config.Limits
	newSession func() (*line.Session, error)
	workers    int
}

func (a *analysis) all(ctx context.Context, report func(analyzed) error) error {
	var (
		mu      sync.Mutex
		next    int
		pending = map[int]analyzed{}
		told    int
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, next <= len(a.files) && ctx.Err() == nil
	}
	give := func(i int, r analyzed) error {
		mu.Lock()
		defer mu.Unlock()
		pending[i] = r
		for r, ok := pending[told]; ok; r, ok = pending[told] {
			delete(pending, told)
			told++
			if err := report(r); err != nil {
				return err
			}
		}
		return nil
	}
	var group errgroup.Group
	for range a.workers {
		group.Go(func() error { return a.work(take, give) })
	}
	return errors.Join(group.Wait(), ctx.Err())
}

func (a *analysis) work(take func() (int, bool), give func(int, analyzed) error) (err error) {
	session, err := a.newSession()
	if err != nil {
		return fmt.Errorf("opening an inference session: %w", err)
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	var ground image.YCbCr
	for i, ok := take(); ok; i, ok = take() {
		if err := give(i, a.one(session, i, &ground)); err != nil {
			return err
		}
	}
	return nil
}

func (a *analysis) one(s *line.Session, i int, ground *image.YCbCr) analyzed {
	result := analyzed{file: a.files[i]}
	picture, err := a.read(a.files[i])
	if err != nil {
		result.err = err
		return result
	}
	f, err := s.Decode(picture, ground)
	if err != nil {
		result.err = err
		return result
	}
	result.width, result.height = f.Width, f.Height
	poses, err := s.Detect(f)
	if err != nil {
		result.err = err
		return result
	}
	result.assessment = a.judge.Assess(poses)
	if s.Draw != nil {
		result.err = a.keep(s, i, ground, result.assessment)
	}
	return result
}

// read takes one byte more than the limit, so that the decoder can say that there is too much.
func (a *analysis) read(name string) ([]byte, error) {
	in := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.Size() > int64(a.limits.MaxPictureBytes) {
			return nil, fmt.Errorf("the picture has %d bytes, more than the %s of --max-picture-bytes", info.Size(), a.limits.MaxPictureBytes)
		}
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, int64(a.limits.MaxPictureBytes)+1))
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	return b, nil
}

// keep saves the annotated picture; the number in front keeps equal names of different folders apart.
func (a *analysis) keep(s *line.Session, i int, ground *image.YCbCr, as posture.Assessment) error {
	jpeg, err := s.Draw(ground, as)
	if err != nil {
		return fmt.Errorf("drawing: %w", err)
	}
	if err := os.MkdirAll(a.save, 0o755); err != nil {
		return fmt.Errorf("making the folder for annotated pictures: %w", err)
	}
	name := strings.TrimSuffix(filepath.Base(a.files[i]), filepath.Ext(a.files[i]))
	if name == "-" || name == "" {
		name = "stdin"
	}
	if err := os.WriteFile(filepath.Join(a.save, fmt.Sprintf("%04d_%s.jpg", i+1, name)), jpeg, 0o644); err != nil {
		return fmt.Errorf("saving the annotated picture: %w", err)
	}
	return nil
}
