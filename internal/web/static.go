package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"path"
)

//go:embed static/*
var staticFiles embed.FS

//go:embed templates/*
var templateFiles embed.FS

var templates = template.Must(template.ParseFS(templateFiles, "templates/*.html"))

// asset is one embedded file of the page.
type asset struct {
	contentType string
	content     []byte
	hash        string
}

var assets = map[string]asset{
	"plumbline.css": load("plumbline.css", "text/css; charset=utf-8"),
	"plumbline.js":  load("plumbline.js", "text/javascript; charset=utf-8"),
	"plumbline.svg": load("plumbline.svg", "image/svg+xml"),
}

func load(name, contentType string) asset {
	content, err := staticFiles.ReadFile(path.Join("static", name))
	if err != nil {
		panic(err) // the file is embedded: only a wrong name here can cause it, in every start and test
	}
	sum := sha256.Sum256(content)
	return asset{contentType: contentType, content: content, hash: hex.EncodeToString(sum[:6])}
}

// staticURLs are the addresses of the assets. They hold a hash, so that a browser may keep what it has until it changes.
type staticURLs struct{ CSS, JS, Icon string }

var staticNames = staticURLs{CSS: assetURL("plumbline.css"), JS: assetURL("plumbline.js"), Icon: assetURL("plumbline.svg")}

func assetURL(name string) string { return "/static/" + name + "?v=" + assets[name].hash }

func serveStatic(w http.ResponseWriter, r *http.Request) {
	a, ok := assets[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.contentType)
	if r.URL.Query().Get("v") == a.hash {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(a.content) // the client is gone when this fails
}

// serveFavicon answers browsers that ask without having read the page.
func serveFavicon(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, staticNames.Icon, http.StatusFound)
}
