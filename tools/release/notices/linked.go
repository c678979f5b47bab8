package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// platforms are those of the release, os/cpu.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

// licence matches the names under which projects keep their terms.
var licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([-._].*)?$`)

// module is a Go module of which something is linked, or Go itself.
type module struct {
	path, version string
	dir           string
	files         map[string]bool // licence files on the way from what is linked to the root
}

// linked lists the modules that the programs in dir are built from, Go first.
func linked(dir string) ([]*module, error) {
	found := map[string]*module{}
	for _, p := range platforms {
		if err := collect(found, dir, p); err != nil {
			return nil, err
		}
	}
	std, err := golang()
	if err != nil {
		return nil, err
	}
	all := slices.SortedFunc(maps.Values(found), func(a, b *module) int { return strings.Compare(a.path, b.path) })
	return append([]*module{std}, all...), nil
}

// collect adds what one platform needs.
func collect(found map[string]*module, dir, platform string) error {
	goos, goarch, _ := strings.Cut(platform, "/")
	const form = "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}"
	cmd := exec.Command("go", "list", "-deps", "-tags", "nomsgpack", "-f", form, "./cmd/gateway", "./cmd/gatewayd")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("listing what %s needs: %w", platform, err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 4 {
			continue // ours, or Go's own
		}
		m := found[f[0]]
		if m == nil {
			m = &module{path: f[0], version: f[1], dir: f[2], files: map[string]bool{}}
			found[f[0]] = m
		}
		if err := m.gather(f[3]); err != nil {
			return err
		}
	}
	return nil
}

// gather adds the licence files of a package: its own, and those of every
// folder above it up to the module's.
func (m *module) gather(dir string) error {
	for {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Type().IsRegular() && licence.MatchString(e.Name()) && filepath.Ext(e.Name()) != ".go" {
				m.files[filepath.Join(dir, e.Name())] = true
			}
		}
		if dir == m.dir {
			return nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return fmt.Errorf("%s is not below %s", dir, m.dir)
		}
		dir = up
	}
}

// golang is Go's own library. Its version is the builder's and stands in the
// program, so that the notices do not change with each of its patches.
func golang() (*module, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("asking for Go's folder: %w", err)
	}
	dir := strings.TrimSpace(string(out))
	m := &module{path: "The Go programming language, its library and run time", dir: dir, files: map[string]bool{}}
	for _, name := range []string{"LICENSE", "PATENTS"} {
		// Distributions keep these two beside Go, not in it.
		for _, at := range []string{dir, filepath.Join(dir, ".."), "/usr/share/doc/golang-go", "/usr/share/doc/golang"} {
			file := filepath.Join(at, name)
			if _, err := os.Stat(file); err == nil {
				m.files[file], m.dir = true, at
				break
			}
		}
	}
	if len(m.files) == 0 {
		return nil, fmt.Errorf("%s (%s) has no LICENSE", dir, runtime.Version())
	}
	return m, nil
}
