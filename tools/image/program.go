package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// program is one file for one platform.
type program struct {
	platform v1.Platform
	path     string
}

// programs are sorted by platform.
type programs []program

// platforms says what there are programs for.
func (p programs) platforms() []v1.Platform {
	all := make([]v1.Platform, len(p))
	for i := range p {
		all[i] = p[i].platform
	}
	return all
}

func (p *programs) add(platform, path string) error {
	system, cpu, ok := strings.Cut(platform, "/")
	if !ok || system == "" || cpu == "" || strings.Contains(cpu, "/") {
		return fmt.Errorf("%q is no platform such as linux/amd64", platform)
	}
	for _, other := range *p {
		if other.platform.OS == system && other.platform.Architecture == cpu {
			return fmt.Errorf("two programs for %s: %s and %s", platform, other.path, path)
		}
	}
	*p = append(*p, program{v1.Platform{OS: system, Architecture: cpu}, path})
	slices.SortFunc(*p, func(a, b program) int { return strings.Compare(a.platform.String(), b.platform.String()) })
	return nil
}

// programFlag reads -program OS/CPU=FILE.
type programFlag = programs

// String implements flag.Value.
func (p *programs) String() string { return fmt.Sprint(p.platforms()) }

// Set implements flag.Value.
func (p *programs) Set(text string) error {
	platform, path, ok := strings.Cut(text, "=")
	if !ok || path == "" {
		return fmt.Errorf("%q is not OS/CPU=FILE", text)
	}
	return p.add(platform, path)
}

// The program in the list of a release build, by its name there.
const (
	programName = "gateway"
	binaryType  = "Binary"
	imageSystem = "linux"
)

// readArtifacts finds the Linux programs of a release build.
func readArtifacts(file, root string) (programs, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading what the release build made (or name programs with -program): %w", err)
	}
	var all []struct {
		Type   string `json:"type"`
		Name   string `json:"name"`
		Path   string `json:"path"`
		GOOS   string `json:"goos"`
		GOARCH string `json:"goarch"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var found programs
	for _, a := range all {
		if a.Type != binaryType || a.GOOS != imageSystem || a.Name != programName {
			continue
		}
		path := a.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(root, path)
		}
		if err := found.add(a.GOOS+"/"+a.GOARCH, path); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s lists no %s for %s", file, programName, imageSystem)
	}
	return found, nil
}

// buildInfo is what the program says of itself.
type buildInfo struct {
	Version string    `json:"version"`
	Commit  string    `json:"commit"`
	Date    time.Time `json:"date"` // of the commit
}

// identify asks the program for this machine which build it is. Without one,
// the version has to be given; with one, a version that differs is refused.
func identify(all programs, version string) (buildInfo, error) {
	info := buildInfo{Version: version}
	for _, p := range all {
		if p.platform.OS != runtime.GOOS || p.platform.Architecture != runtime.GOARCH {
			continue
		}
		path, err := filepath.Abs(p.path)
		if err != nil {
			return info, err
		}
		said, err := exec.Command(path, "version", "--json").Output()
		if err != nil {
			return info, fmt.Errorf("asking %s for its version: %w", p.path, err)
		}
		if err := json.Unmarshal(said, &info); err != nil {
			return info, fmt.Errorf("the version of %s: %w", p.path, err)
		}
		if version != "" && version != info.Version {
			return info, fmt.Errorf("%s is version %s, not %s", p.path, info.Version, version)
		}
		break
	}
	if info.Version == "" {
		return info, fmt.Errorf("no program here runs on %s/%s: give the version with -version", runtime.GOOS, runtime.GOARCH)
	}
	if info.Date.IsZero() {
		var err error
		if info.Date, err = sourceDate(); err != nil {
			return info, err
		}
	}
	return info, nil
}

// sourceDate is the time of the source by the convention of reproducible
// builds, else the beginning of time.
func sourceDate() (time.Time, error) {
	const variable = "SOURCE_DATE_EPOCH"
	text := os.Getenv(variable)
	if text == "" {
		return time.Unix(0, 0), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", variable, err)
	}
	return time.Unix(seconds, 0), nil
}
