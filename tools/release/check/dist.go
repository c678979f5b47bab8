// Package check holds what a snapshot left in dist/ to what is promised of a
// release. It builds nothing: run make snapshot before.
package check

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The folders, seen from this package.
const (
	root = "../../.."
	dist = root + "/dist"
)

// Artifact is one file that the release tool made.
type Artifact struct {
	Type   string `json:"type"`
	Name   string `json:"name"`
	Path   string `json:"path"` // from the root of the repository
	GOOS   string `json:"goos"`
	GOARCH string `json:"goarch"`
	Extra  struct {
		Format string `json:"Format"`
	} `json:"extra"`
}

// File is where the artifact is.
func (a Artifact) File() string { return filepath.Join(root, a.Path) }

// Read lists the artifacts.
func Read() ([]Artifact, error) {
	var all []Artifact
	if err := readJSON(filepath.Join(dist, "artifacts.json"), &all); err != nil {
		return nil, fmt.Errorf("no snapshot to check, run make snapshot: %w", err)
	}
	return all, nil
}

// Version is the one in the sources, from which all others must come.
func Version() (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "go/internal/version/VERSION"))
	return strings.TrimSpace(string(text)), err
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
