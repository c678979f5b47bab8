package check

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// everywhere is in every archive: our file, and the one in the repository.
var everywhere = map[string]string{
	"LICENSE": "LICENSE", "THIRD_PARTY_NOTICES": "THIRD_PARTY_NOTICES", "README.md": "README.md", "CHANGELOG.md": "CHANGELOG.md",
	"tokligence.example.yaml": "config/tokligence.example.yaml",
}

var unix = []string{"completions/gateway.bash", "completions/_gateway", "completions/gateway.fish", "man/gateway.1.gz", "man/gatewayd.1.gz", "man/gateway-serve.1.gz"}

func TestArchives(t *testing.T) {
	also := map[string][]string{
		"linux": append([]string{"service/gatewayd.service"}, unix...), "darwin": unix, "windows": {"completions/gateway.ps1"},
	}
	for _, a := range artifacts(t, "Archive") {
		t.Run(a.GOOS+"/"+a.GOARCH, func(t *testing.T) {
			files, err := Unpack(a.File())
			if err != nil {
				t.Fatal(err)
			}
			for name, from := range everywhere {
				if !bytes.Equal(files[name].Data, read(t, filepath.Join(root, from))) {
					t.Errorf("%s is not %s", name, from)
				}
			}
			for _, name := range also[a.GOOS] {
				if len(files[name].Data) == 0 {
					t.Errorf("%s is missing", name)
				}
			}
			hasProgram(t, a, files)
		})
	}
}

// hasProgram checks that an archive holds the program that was built, once,
// and its other name where there are links.
func hasProgram(t *testing.T, a Artifact, files map[string]Entry) {
	t.Helper()
	name := "gateway"
	if a.GOOS == "windows" {
		name = "gateway.exe"
	} else if d := files["gatewayd"]; d.Mode&fs.ModeSymlink == 0 || d.Link != "gateway" {
		t.Errorf("gatewayd is %v to %q, not a link to gateway", d.Mode, d.Link)
	}
	if files[name].Mode.Perm() != 0o755 {
		t.Errorf("%s has mode %v", name, files[name].Mode)
	}
	for _, b := range artifacts(t, "Binary") {
		if b.GOOS == a.GOOS && b.GOARCH == a.GOARCH && !bytes.Equal(files[name].Data, read(t, b.File())) {
			t.Errorf("%s is not the one that was built", name)
		}
	}
	for other, e := range files {
		if other != name && len(e.Data) > 1<<20 {
			t.Errorf("%s has %d bytes: is it a second program?", other, len(e.Data))
		}
	}
}

func TestManualPages(t *testing.T) {
	version, err := Version()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range artifacts(t, "Archive") {
		if a.GOOS == "windows" {
			continue
		}
		files, err := Unpack(a.File())
		if err != nil {
			t.Fatal(err)
		}
		for name, e := range files {
			if !strings.HasPrefix(name, "man/") {
				continue
			}
			r, err := gzip.NewReader(bytes.NewReader(e.Data))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			page, err := io.ReadAll(r)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !bytes.Contains(page, []byte(".TH ")) || !bytes.Contains(page, []byte(version)) || !bytes.Contains(page, []byte(".SH NAME")) {
				t.Errorf("%s is no page of version %s", name, version)
			}
		}
	}
}
