//go:build cgo

package ort

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>

// The head of OrtApiBase (onnxruntime_c_api.h), which never changes: GetApi, then GetVersionString.
struct api_base {
	const void *(*get_api)(unsigned version);
	const char *(*version)(void);
};

// library_version loads the library and returns its version, or NULL. *fault is then set: 1 the library can't be loaded
// (*why says more), 2 it is no ONNX Runtime.
static const char *library_version(const char *path, int *fault, const char **why) {
	void *handle = dlopen(path, RTLD_LAZY);
	if (!handle) {
		*fault = 1;
		*why = dlerror();
		return NULL;
	}
	struct api_base *(*base)(void) = (struct api_base *(*)(void))dlsym(handle, "OrtGetApiBase");
	if (!base || !base()) {
		*fault = 2;
		return NULL;
	}
	return base()->version();
}
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"

	binding "github.com/yalue/onnxruntime_go"
)

// Library is the loaded ONNX Runtime. A process has one, since the library keeps global state; it lives as long as the
// process.
type Library struct {
	path    string
	version string
}

var (
	loading sync.Mutex
	loaded  *Library
)

// Load loads the library at path, or returns it where it is loaded already. Another path than the first is refused.
func Load(path string) (*Library, error) {
	loading.Lock()
	defer loading.Unlock()
	if loaded != nil {
		if loaded.path != path {
			return nil, fmt.Errorf("ONNX Runtime is loaded from %s already; a process can't load %s as well", loaded.path, path)
		}
		return loaded, nil
	}
	// ONNX Runtime's official builds report their use to their maker unless this is set before they load.
	if err := os.Setenv("ORT_DISABLE_TELEMETRY", "1"); err != nil {
		return nil, fmt.Errorf("switching ONNX Runtime's telemetry off: %w", err)
	}
	version, err := probe(path)
	if err != nil {
		return nil, err
	}
	if err := checkVersion(path, version); err != nil {
		return nil, err
	}
	binding.SetSharedLibraryPath(path)
	if err := binding.InitializeEnvironment(); err != nil {
		return nil, fmt.Errorf("starting ONNX Runtime %s from %s: %w", version, path, err)
	}
	loaded = &Library{path: path, version: version}
	return loaded, nil
}

// probe loads the library and asks its version.
func probe(path string) (string, error) {
	if path == "" {
		return "", errors.New("no path to ONNX Runtime's library given; " + fmt.Sprintf(another, apiVersion))
	}
	if err := checkELF(path); err != nil {
		return "", fmt.Errorf("loading ONNX Runtime: %w; "+another, err, apiVersion)
	}
	c := C.CString(path)
	defer C.free(unsafe.Pointer(c))
	var fault C.int
	var why *C.char
	version := C.library_version(c, &fault, &why)
	switch fault {
	case 1:
		return "", fmt.Errorf("loading ONNX Runtime: %s; "+another, C.GoString(why), apiVersion)
	case 2:
		return "", fmt.Errorf("%s is not ONNX Runtime: it lacks OrtGetApiBase; "+another, path, apiVersion)
	}
	return C.GoString(version), nil
}

// Version is the library's version, such as "1.30.0".
func (l *Library) Version() string { return l.version }

// Path is where the library was loaded from.
func (l *Library) Path() string { return l.path }
