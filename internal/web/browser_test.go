package web_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// browser is a headless Chromium that speaks its DevTools protocol over two pipes, as JSON ended by a zero byte. Calls are
// made one after another.
type browser struct {
	t       *testing.T
	in      io.Writer
	out     *bufio.Reader
	session string
	last    int
}

// openBrowser starts Chromium with an empty page.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed: run `make deps`")
	}
	commands, in := pipe(t)
	out, answers := pipe(t)
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--remote-debugging-pipe", "--user-data-dir="+t.TempDir(), "about:blank")
	cmd.ExtraFiles = []*os.File{commands, answers} // 3 and 4, as --remote-debugging-pipe wants them
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	commands.Close()
	answers.Close()
	b := &browser{t: t, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		b.call("Browser.close", nil, nil)
		cmd.Wait()
		in.Close()
		out.Close()
	})
	b.attach()
	return b
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

// attach opens a page and speaks to it from then on.
func (b *browser) attach() {
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	b.call("Page.enable", nil, nil)
}

// call sends a command and waits for its answer; events in between are passed over.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	b.last++
	message := map[string]any{"id": b.last, "method": method, "params": params}
	if params == nil {
		message["params"] = struct{}{}
	}
	if b.session != "" && method != "Browser.close" {
		message["sessionId"] = b.session
	}
	command, err := json.Marshal(message)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(command, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	b.answer(method, result)
}

func (b *browser) answer(method string, result any) {
	b.t.Helper()
	for {
		text, err := b.out.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
		var a struct {
			ID     int
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(text[:len(text)-1], &a); err != nil {
			b.t.Fatal(err)
		}
		switch {
		case a.ID != b.last:
			continue
		case a.Error != nil:
			b.t.Fatalf("%s: %s", method, a.Error.Message)
		case result != nil:
			if err := json.Unmarshal(a.Result, result); err != nil {
				b.t.Fatal(err)
			}
		}
		return
	}
}

// visit loads an address.
func (b *browser) visit(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	b.until("document.readyState === 'complete' && location.href !== 'about:blank'")
}

// eval is the value of an expression on the page, as JSON; a promise is waited for.
func (b *browser) eval(expression string) string {
	b.t.Helper()
	var a struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Text string }
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &a)
	if a.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, a.ExceptionDetails.Text)
	}
	return string(a.Result.Value)
}

// until waits on the page itself until the condition holds, for at most 20 s.
func (b *browser) until(condition string) {
	b.t.Helper()
	held := b.eval(fmt.Sprintf(`new Promise(done => {
		const inSight = e => { const r = e.getBoundingClientRect(); return r.top < innerHeight && r.left < innerWidth && r.right > 0; };
		const end = Date.now() + 20000;
		const look = () => (%s) ? done(true) : Date.now() > end ? done(false) : setTimeout(look, 20);
		look();
	})`, condition))
	if held != "true" {
		b.t.Fatalf("the page never came to: %s\n%s", condition, b.eval("document.body.innerText.slice(0, 600)"))
	}
}

// screen sets the window's size and the colour scheme (light or dark).
func (b *browser) screen(width, height int, scheme string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{
		{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"},
	}}, nil)
}

// screenshot is what the window shows, as PNG.
func (b *browser) screenshot() []byte {
	b.t.Helper()
	var a struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": false}, &a)
	png, err := base64.StdEncoding.DecodeString(a.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	return png
}

// overflow is by how many pixels the page is wider than its window.
func (b *browser) overflow() int {
	b.t.Helper()
	n, err := strconv.Atoi(b.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}
