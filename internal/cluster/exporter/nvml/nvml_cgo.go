//go:build cgo && linux

package nvml

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct { unsigned int gpu, memory; } utilization;
typedef struct { uint64_t total, free, used; } memory;
typedef struct {
	void *handle;
	int (*init)(void);
	int (*shutdown)(void);
	int (*count)(unsigned int *);
	int (*device)(unsigned int, void **);
	int (*name)(void *, char *, unsigned int);
	int (*uuid)(void *, char *, unsigned int);
	int (*rates)(void *, utilization *);
	int (*memory)(void *, memory *);
	const char *(*message)(int);
} library;

// open_library gives NULL, or what is wrong.
static const char *open_library(const char *path, library *l) {
	l->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (l->handle == NULL) return dlerror();
	struct { void **function; const char *name; } wanted[] = {
		{(void **)&l->init, "nvmlInit_v2"}, {(void **)&l->shutdown, "nvmlShutdown"},
		{(void **)&l->count, "nvmlDeviceGetCount_v2"}, {(void **)&l->device, "nvmlDeviceGetHandleByIndex_v2"},
		{(void **)&l->name, "nvmlDeviceGetName"}, {(void **)&l->uuid, "nvmlDeviceGetUUID"},
		{(void **)&l->rates, "nvmlDeviceGetUtilizationRates"}, {(void **)&l->memory, "nvmlDeviceGetMemoryInfo"},
		{(void **)&l->message, "nvmlErrorString"},
	};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if ((*wanted[i].function = dlsym(l->handle, wanted[i].name)) == NULL) {
			dlclose(l->handle);
			return wanted[i].name;
		}
	return NULL;
}
static int call_init(library *l) { return l->init(); }
static void close_library(library *l) { l->shutdown(); dlclose(l->handle); }
static void drop_library(library *l) { dlclose(l->handle); }
static int call_count(library *l, unsigned int *n) { return l->count(n); }
static int call_device(library *l, unsigned int i, void **d) { return l->device(i, d); }
static int call_name(library *l, void *d, char *s, unsigned int n) { return l->name(d, s, n); }
static int call_uuid(library *l, void *d, char *s, unsigned int n) { return l->uuid(d, s, n); }
static int call_rates(library *l, void *d, utilization *u) { return l->rates(d, u); }
static int call_memory(library *l, void *d, memory *m) { return l->memory(d, m); }
static const char *call_message(library *l, int code) { return l->message(code); }
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// Library is NVML, opened and initialised. It may be used by several goroutines, as NVML may.
type Library struct{ c C.library }

// Open loads and initialises the library; path is DefaultLibrary or a file. ErrNoLibrary says that it is not there.
func Open(path string) (*Library, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	l := new(Library)
	switch problem := C.open_library(name, &l.c); {
	case problem != nil && l.c.handle == nil:
		return nil, fmt.Errorf("%w: %s", ErrNoLibrary, C.GoString(problem))
	case problem != nil:
		return nil, fmt.Errorf("%w: %s lacks %s", ErrNoLibrary, path, C.GoString(problem))
	}
	if err := l.check("initialising NVML", C.call_init(&l.c)); err != nil {
		C.drop_library(&l.c)
		return nil, err
	}
	return l, nil
}

// Close ends the use of the library.
func (l *Library) Close() { C.close_library(&l.c) }

// Devices lists the GPUs that this process may see.
func (l *Library) Devices() ([]Device, error) {
	var n C.uint
	if err := l.check("counting GPUs", C.call_count(&l.c, &n)); err != nil {
		return nil, err
	}
	devices := make([]Device, 0, n)
	for i := range int(n) {
		handle, err := l.handle(i)
		if err != nil {
			return nil, err
		}
		d := Device{Index: i}
		var text [96]C.char // NVML_DEVICE_NAME_V2_BUFFER_SIZE, and a UUID's 96
		if err := l.check("asking for a GPU's name", C.call_name(&l.c, handle, &text[0], C.uint(len(text)))); err != nil {
			return nil, err
		}
		d.Name = C.GoString(&text[0])
		if C.call_uuid(&l.c, handle, &text[0], C.uint(len(text))) == 0 { // integrated GPUs may have none
			d.UUID = C.GoString(&text[0])
		}
		devices = append(devices, d)
	}
	return devices, nil
}

// Utilization is the ratio of time, 0 to 1, in which a kernel ran, over the driver's sample period of 1/6 to 1 second.
func (l *Library) Utilization(index int) (float64, error) {
	handle, err := l.handle(index)
	if err != nil {
		return 0, err
	}
	var u C.utilization
	if err := l.check("reading utilization", C.call_rates(&l.c, handle, &u)); err != nil {
		return 0, err
	}
	if u.gpu > 100 {
		return 0, fmt.Errorf("reading utilization: NVML says %d %%", uint(u.gpu))
	}
	return float64(u.gpu) / 100, nil
}

// Memory is what the GPU has of its own; integrated GPUs have none and answer with an error.
func (l *Library) Memory(index int) (Memory, error) {
	handle, err := l.handle(index)
	if err != nil {
		return Memory{}, err
	}
	var m C.memory
	if err := l.check("reading memory", C.call_memory(&l.c, handle, &m)); err != nil {
		return Memory{}, err
	}
	if m.total == 0 || m.used > m.total {
		return Memory{}, errors.New("reading memory: NVML's figures make no sense")
	}
	return Memory{Used: uint64(m.used), Total: uint64(m.total)}, nil
}

// handle is asked for each time: NVML keeps handles itself, and one kept here would outlive a GPU that fell off the bus.
func (l *Library) handle(index int) (unsafe.Pointer, error) {
	var handle unsafe.Pointer
	return handle, l.check(fmt.Sprintf("opening GPU %d", index), C.call_device(&l.c, C.uint(index), &handle))
}

func (l *Library) check(act string, code C.int) error {
	if code == 0 {
		return nil
	}
	return fmt.Errorf("%s: NVML: %s (%d)", act, C.GoString(C.call_message(&l.c, code)), int(code))
}
