package check

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// largest is how large a download may be, in bytes.
const largest = 16_000_000

// artifacts lists those of a type, and fails if there are none.
func artifacts(t *testing.T, kind string) []Artifact {
	t.Helper()
	all, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(a Artifact) bool { return a.Type != kind })
	if len(all) == 0 {
		t.Fatalf("the snapshot has no %s", kind)
	}
	return all
}

func packages(t *testing.T, format string) []Artifact {
	t.Helper()
	all := slices.DeleteFunc(artifacts(t, "Linux Package"), func(a Artifact) bool { return a.Extra.Format != format })
	if len(all) == 0 {
		t.Fatalf("the snapshot has no %s", format)
	}
	return all
}

// glob lists files of dist, none at all being fine.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dist, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// tool finds a program of the system, or skips the test where it cannot be had.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: tools/install-test-deps.sh does it on Debian", name)
	}
	return path
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	var out, complaint bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &out, &complaint)
	}
	return out.String()
}

// program is the one for this machine.
func program(t *testing.T) string {
	t.Helper()
	for _, a := range artifacts(t, "Binary") {
		if a.GOOS == runtime.GOOS && a.GOARCH == runtime.GOARCH {
			path, err := filepath.Abs(a.File())
			if err != nil {
				t.Fatal(err)
			}
			return path
		}
	}
	t.Skipf("the snapshot has no program for %s/%s", runtime.GOOS, runtime.GOARCH)
	return ""
}

func TestSums(t *testing.T) {
	named := map[string]string{}
	for line := range strings.Lines(string(read(t, filepath.Join(dist, "checksums.txt")))) {
		if f := strings.Fields(line); len(f) == 2 {
			named[f[1]] = f[0]
		}
	}
	for _, kind := range []string{"Archive", "Linux Package", "SBOM"} {
		for _, a := range artifacts(t, kind) {
			if got := sum(read(t, a.File())); got != named[a.Name] {
				t.Errorf("checksums.txt says %q of %s, whose sum is %s", named[a.Name], a.Name, got)
			}
			delete(named, a.Name)
		}
	}
	for name := range named {
		t.Errorf("checksums.txt names %s, which was not made", name)
	}
}

func TestNoDownloadIsLarge(t *testing.T) {
	files := slices.Concat(glob(t, "*.tar.gz"), glob(t, "*.zip"), glob(t, "*.deb"), glob(t, "*.rpm"), glob(t, "*.whl"), glob(t, "*.tgz"))
	if len(files) == 0 {
		t.Fatal("nothing was made")
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > largest {
			t.Errorf("%s has %d bytes; %d are allowed", filepath.Base(file), info.Size(), largest)
		}
	}
}

// The notes of a release are what the changelog says of it.
func TestNotesOfARelease(t *testing.T) {
	script := filepath.Join(root, "tools/release/changes.sh")
	if notes := run(t, "sh", script, "Unreleased"); !strings.Contains(notes, "### Added") || strings.Contains(notes, "## [") {
		t.Errorf("the notes are\n%s", notes)
	}
	if err := exec.Command("sh", script, "9.9.9").Run(); err == nil {
		t.Error("there are notes for a version that the changelog does not know")
	}
}
