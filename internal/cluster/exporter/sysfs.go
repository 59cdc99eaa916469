package exporter

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// chips are the GPUs of Jetsons by the name of their chip; which boards they are on.
var chips = map[string]string{
	"gm20b": "Jetson Nano or TX1", "gp10b": "Jetson TX2", "gv11b": "Jetson Xavier", "ga10b": "Jetson Orin", "gb10b": "Jetson Thor",
}

// knownFolders are where JetPack's kernels show the GPU; they serve where class/devfreq does not name it.
var knownFolders = []string{
	"devices/gpu.0",                       // Nano, TX2, Xavier
	"devices/platform/gpu.0",              // Xavier, Orin
	"devices/platform/bus@0/17000000.gpu", // Orin, JetPack 6
	"devices/platform/17000000.ga10b",     // Orin, JetPack 5
	"devices/17000000.ga10b",              // the same, as nvpmodel calls it
	"devices/17000000.gv11b",              // Xavier
	"devices/17000000.gp10b",              // TX2
	"devices/57000000.gpu",                // Nano
}

// findIntegrated looks for a Jetson's GPU below the root of sysfs.
func findIntegrated(root string) []device {
	var all []device
	model := boardModel(root)
	var seen []string
	for _, folder := range append(devfreqFolders(root), joined(root, knownFolders)...) {
		real, err := filepath.EvalSymlinks(folder)
		if err != nil || slices.Contains(seen, real) {
			continue
		}
		if _, err := os.Stat(filepath.Join(real, "load")); err != nil {
			continue
		}
		seen = append(seen, real)
		family := chips[chipOf(real)]
		all = append(all, device{
			key: real, board: firstOf(model, family, "integrated GPU"), family: family, jetson: true,
			load: func() (float64, error) { return readLoad(filepath.Join(real, "load")) },
		})
	}
	return all
}

// devfreqFolders are the devices behind class/devfreq that are GPUs.
func devfreqFolders(root string) []string {
	entries, err := filepath.Glob(filepath.Join(root, "class/devfreq/*"))
	if err != nil {
		return nil // only for a malformed pattern
	}
	var folders []string
	for _, entry := range entries {
		if isGPU(deviceName(entry)) {
			folders = append(folders, filepath.Join(entry, "device"))
		}
	}
	return folders
}

// deviceName is what the device tree calls the device behind an entry of class/devfreq. In a container /sys/firmware is
// masked, and with it of_node; then modalias says it (of:NgpuT<NULL>C…), and at last the entry's own name (17000000.gv11b).
func deviceName(entry string) string {
	if name := readText(filepath.Join(entry, "device/of_node/name")); name != "" {
		return name
	}
	if rest, ok := strings.CutPrefix(readText(filepath.Join(entry, "device/modalias")), "of:N"); ok {
		name, _, _ := strings.Cut(rest, "T")
		return name
	}
	_, name, _ := strings.Cut(filepath.Base(entry), ".")
	return name
}

func isGPU(name string) bool { return name == "gpu" || chips[name] != "" }

// chipOf names the chip by the device's compatible strings or its folder.
func chipOf(folder string) string {
	texts := []string{readText(filepath.Join(folder, "of_node/compatible")), readText(filepath.Join(folder, "modalias")), filepath.Base(folder)}
	for _, text := range texts {
		for chip := range chips {
			if strings.Contains(text, chip) {
				return chip
			}
		}
	}
	return ""
}

// boardModel is the device tree's name of the board, such as NVIDIA Jetson AGX Orin Developer Kit, or "".
func boardModel(root string) string {
	return firstOf(readText(filepath.Join(root, "firmware/devicetree/base/model")), readText(filepath.Join(root, "devices/soc0/machine")))
}

// isJetson tells whether a model is one of NVIDIA's boards.
func isJetson(model string) bool {
	model = strings.ToLower(model)
	return strings.Contains(model, "jetson") || strings.Contains(model, "nvidia")
}

// isSysfs tells a sysfs, of which a test may hold a part, from a folder that is something else.
func isSysfs(root string) bool {
	return slices.ContainsFunc(joined(root, []string{"devices", "class"}), func(folder string) bool {
		info, err := os.Stat(folder)
		return err == nil && info.IsDir()
	})
}

// silentGPUs are devfreq entries of GPUs that tell no load, as Thor's.
func silentGPUs(root string) []string {
	entries, _ := filepath.Glob(filepath.Join(root, "class/devfreq/gpu-gpc-*")) // fails only for a malformed pattern
	return entries
}

// readLoad reads nvgpu's load: a whole number, per mille. Other kernels' files of that name ("0@300000000Hz") are refused.
func readLoad(path string) (float64, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("reading the GPU's load: %w", err)
	}
	perMille, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil || perMille < 0 || perMille > 1000 {
		return 0, fmt.Errorf("reading the GPU's load: %s holds %.40q, not a number from 0 to 1000", path, content)
	}
	return float64(perMille) / 1000, nil
}

// readText reads a short file of sysfs or the device tree, whose texts end with a NUL; "" when it can't.
func readText(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(string(content), "\x00", " "), "?"))
}

func joined(root string, paths []string) []string {
	all := make([]string, len(paths))
	for i, p := range paths {
		all[i] = filepath.Join(root, p)
	}
	return all
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
