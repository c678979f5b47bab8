// Package version says which build this is. The number stands in the file
// VERSION and nowhere else. It knows nothing of what was built.
package version

import (
	"runtime"
	"runtime/debug"
	"strings"

	_ "embed"
)

//go:embed VERSION
var number string

// Set by the linker: -ldflags "-X <this package>.commit=...". Whatever is not
// set comes from VERSION and from what the Go tool notes in the program.
var version, commit, date string

const commitLength = 12

// Version is the release, such as 1.2.3 or 1.3.0-dev.
func Version() string {
	if version != "" {
		return version
	}
	return strings.TrimSpace(number)
}

// Commit is the commit the program was built from, "" when that is not known.
func Commit() string { return Get().Commit }

// Build tells one build from another.
type Build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Date     string `json:"date,omitempty"`     // of the commit, RFC 3339
	Modified bool   `json:"modified,omitempty"` // built from files that were not committed
	Go       string `json:"go"`
	Platform string `json:"platform"` // os/cpu
}

// Get describes the running program.
func Get() Build {
	info, _ := debug.ReadBuildInfo()
	return describe(info)
}

// describe fills what the linker did not set from info, which may be nil.
func describe(info *debug.BuildInfo) Build {
	b := Build{
		Version: Version(), Commit: commit, Date: date,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if info == nil {
		return b
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && b.Commit == "":
			b.Commit = s.Value[:min(len(s.Value), commitLength)]
		case s.Key == "vcs.time" && b.Date == "":
			b.Date = s.Value
		case s.Key == "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// String is one line for people.
func (b Build) String() string {
	parts := []string{b.Go, b.Platform}
	if b.Date != "" {
		parts = append([]string{b.Date}, parts...)
	}
	if b.Commit != "" {
		mark := ""
		if b.Modified {
			mark = "+"
		}
		parts = append([]string{"commit " + b.Commit + mark}, parts...)
	}
	return b.Version + " (" + strings.Join(parts, ", ") + ")"
}
