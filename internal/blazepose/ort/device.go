//go:build cgo

package ort

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	binding "github.com/yalue/onnxruntime_go"
)

// Choose turns the wanted device into one that works here, by running a one-node network on it. Auto falls back to the
// CPU and says so in the log; a device asked for by name is an error where it is missing.
func (l *Library) Choose(want Device, log *slog.Logger) (Device, error) {
	if want == CPU || want == "" {
		return CPU, nil
	}
	if want != Auto {
		err := l.try(want)
		if err != nil && !brings(l.path, want) {
			return "", fmt.Errorf("device %s needs another ONNX Runtime: %s (%s) lies without libonnxruntime_providers_%s.so, as builds "+
				"for CPUs do; give one built for GPUs with --onnxruntime-library PATH, or use --device cpu", want, l.path, l.version, want)
		}
		if err != nil {
			return "", fmt.Errorf("device %s does not work with ONNX Runtime %s at %s: %s; it takes a library built for GPUs "+
				"(with libonnxruntime_providers_shared.so and libonnxruntime_providers_%s.so beside it), the NVIDIA driver and the "+
				"CUDA libraries that build names; give its path with --onnxruntime-library, or use --device cpu",
				want, l.version, l.path, plain(err), want)
		}
		return want, nil
	}
	if err := l.try(CUDA); err != nil {
		if log != nil {
			log.Info("the GPU cannot be used, the networks run on the CPU", "reason", plain(err))
		}
		return CPU, nil
	}
	return CUDA, nil
}

// try runs the smallest network on a device. ONNX Runtime's own report of a failure is kept off the terminal: the error says
// the same.
func (l *Library) try(d Device) error {
	if err := binding.SetEnvironmentLogLevel(binding.LoggingLevelFatal); err != nil {
		return err
	}
	defer func() { _ = binding.SetEnvironmentLogLevel(binding.LoggingLevelError) }()
	options, err := newOptions(d, "")
	if err != nil {
		return err
	}
	defer options.Destroy()
	in, err := binding.NewTensor(binding.NewShape(1), []float32{1})
	if err != nil {
		return err
	}
	defer in.Destroy()
	out, err := binding.NewEmptyTensor[float32](binding.NewShape(1))
	if err != nil {
		return err
	}
	defer out.Destroy()
	s, err := binding.NewAdvancedSessionWithONNXData(identity, []string{"x"}, []string{"y"},
		[]binding.Value{in}, []binding.Value{out}, options)
	if err != nil {
		return err
	}
	defer s.Destroy()
	return s.Run()
}

// plain leaves out what ONNX Runtime puts before its messages: the place in its source and the status, such as
// "…provider_bridge_ort.cc:1988 … [ONNXRuntimeError] : 1 : FAIL : ".
func plain(err error) string {
	text := err.Error()
	if _, after, found := strings.Cut(text, "[ONNXRuntimeError] : "); found {
		if parts := strings.SplitN(after, " : ", 3); len(parts) == 3 {
			return parts[2]
		}
	}
	return text
}

// newOptions are the options of every session: one thread (one session a core gives the best throughput; two sessions of
// two threads fight by spinning), all graph optimisations, the device's provider.
func newOptions(d Device, cacheDir string) (*binding.SessionOptions, error) {
	o, err := binding.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	if err := configure(o, d, cacheDir); err != nil {
		o.Destroy()
		return nil, err
	}
	return o, nil
}

func configure(o *binding.SessionOptions, d Device, cacheDir string) error {
	if err := o.SetIntraOpNumThreads(1); err != nil {
		return err
	}
	if err := o.SetInterOpNumThreads(1); err != nil {
		return err
	}
	if err := o.SetGraphOptimizationLevel(binding.GraphOptimizationLevelEnableAll); err != nil {
		return err
	}
	switch d {
	case CPU:
		return nil
	case CUDA:
		return appendCUDA(o)
	case TensorRT:
		if err := appendTensorRT(o, cacheDir); err != nil {
			return err
		}
		return appendCUDA(o) // runs what TensorRT leaves
	}
	return fmt.Errorf("unknown device %q", d)
}

// appendCUDA keeps float32 as it is: TF32, on by default, has 10 bits of mantissa, and the landmarks would move.
func appendCUDA(o *binding.SessionOptions) error {
	c, err := binding.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer c.Destroy()
	if err := c.Update(map[string]string{"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}); err != nil {
		return err
	}
	return o.AppendExecutionProviderCUDA(c)
}

func appendTensorRT(o *binding.SessionOptions, cacheDir string) error {
	t, err := binding.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer t.Destroy()
	if cacheDir != "" {
		engines := filepath.Join(cacheDir, "tensorrt")
		if err := os.MkdirAll(engines, 0o755); err == nil { // without a cache the engines are compiled at every start
			if err := t.Update(map[string]string{"trt_engine_cache_enable": "1", "trt_engine_cache_path": engines}); err != nil {
				return err
			}
		}
	}
	return o.AppendExecutionProviderTensorRT(t)
}

// open makes a session of the network's bytes.
func (n *Network) open(bytes []byte, optimised bool) (*Session, error) {
	options, err := newOptions(n.o.Device, n.o.CacheDir)
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	if optimised {
		for _, key := range useInPlace {
			if err := options.AddSessionConfigEntry(key, "1"); err != nil {
				return nil, err
			}
		}
	}
	s, err := newSession(bytes, n.signature, options)
	if err != nil {
		return nil, fmt.Errorf("opening the network %s on %s: %w", n.name, n.o.Device, err)
	}
	return s, nil
}

// useInPlace makes ONNX Runtime read graph and weights where they are mapped, instead of copying them.
var useInPlace = []string{"session.use_ort_model_bytes_directly", "session.use_ort_model_bytes_for_initializers"}

// identity is a network of one node in ONNX format (IR 8, opset 13): y = Identity(x), one float32.
var identity = []byte("\x08\x08" + // ir_version 8
	"\x3a\x37" + // graph, 55 bytes
	"\x0a\x10\x0a\x01x\x12\x01y\x22\x08Identity" + // node: input x, output y, op_type Identity
	"\x12\x01g" + // name
	"\x5a\x0f\x0a\x01x\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01" + // input x: float32, shape 1
	"\x62\x0f\x0a\x01y\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01" + // output y: the same
	"\x42\x02\x10\x0d") // opset 13
