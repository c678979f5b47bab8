// Command notices prints THIRD_PARTY_NOTICES: the licences of all that is
// linked into the programs or embedded in them, on every platform they are
// released for. Run it in tools/release.
package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// root is the repository, seen from tools/release.
const root = "../.."

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func run(w io.Writer) error {
	modules, err := linked(filepath.Join(root, "go"))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	out.WriteString(preface)
	for _, d := range embedded {
		if err := d.print(&out); err != nil {
			return err
		}
	}
	for _, m := range modules {
		if err := m.print(&out); err != nil {
			return err
		}
	}
	_, err = w.Write(out.Bytes())
	return err
}

const preface = `Tokligence Gateway is licensed under the Apache License 2.0 (see LICENSE). It is
made with the works of others that follow, each under its own terms: first the
data that is part of the program, then Go and the Go modules it is built from.

This file is generated: make notices.
`

// print writes the notices of a module. A module without a licence is an
// error: nothing may be shipped without one.
func (m *module) print(w io.Writer) error {
	if len(m.files) == 0 {
		return fmt.Errorf("%s %s has no licence file", m.path, m.version)
	}
	heading(w, strings.TrimSpace(m.path+" "+m.version))
	for _, f := range slices.Sorted(maps.Keys(m.files)) {
		name, err := filepath.Rel(m.dir, f)
		if err != nil {
			return err
		}
		if err := text(w, filepath.ToSlash(name), f); err != nil {
			return err
		}
	}
	return nil
}

func heading(w io.Writer, title string) {
	fmt.Fprintf(w, "\n%s\n%s\n", strings.Repeat("=", 80), title)
}

// text writes a licence file under its name, with line ends of one kind.
func text(w io.Writer, name, path string) error {
	body, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	clean := strings.ReplaceAll(string(body), "\r\n", "\n")
	fmt.Fprintf(w, "\n--- %s\n\n%s\n", name, strings.Trim(clean, "\n"))
	return nil
}
