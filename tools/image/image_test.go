package main

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const root = "../.."

// built are the images of the real programs.
type built struct {
	context string
	layout  string
	version string
	printed string
}

var build = sync.OnceValues(func() (*built, error) {
	dir := scratch
	b := &built{context: filepath.Join(dir, "context"), layout: filepath.Join(dir, "oci")}
	args := []string{"build", "-root", root, "-context", b.context, "-out", b.layout}
	for _, cpu := range []string{"amd64", "arm64"} {
		path := filepath.Join(dir, cpu)
		cmd := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-tags", "nomsgpack", "-ldflags", "-s -w", "-o", path, "./cmd/gateway")
		cmd.Dir = filepath.Join(root, "go")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+cpu)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building the program: %w\n%s", err, out)
		}
		args = append(args, "-program", "linux/"+cpu+"="+path)
	}
	if runtime.GOOS != "linux" {
		args = append(args, "-version", "0.0.0")
	}
	var out bytes.Buffer
	if err := run(context.Background(), args, &out, os.Stderr); err != nil {
		return nil, err
	}
	b.printed = out.String()
	b.version, _, _ = strings.Cut(b.printed, " ")
	return b, nil
})

func images(t *testing.T) *built {
	t.Helper()
	b, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// scratch is removed after the tests.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tokligence-images")
	if err != nil {
		log.Fatal(err)
	}
	scratch = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// byTag returns the images of a layout, by tag and platform.
func byTag(t *testing.T, b *built) map[string]v1.Image {
	t.Helper()
	top, err := layout.ImageIndexFromPath(b.layout)
	if err != nil {
		t.Fatal(err)
	}
	list, err := top.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]v1.Image)
	for _, d := range list.Manifests {
		index, err := top.ImageIndex(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		inner, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inner.Manifests {
			img, err := index.Image(m.Digest)
			if err != nil {
				t.Fatal(err)
			}
			all[d.Annotations[nameAnnotation]+" "+m.Platform.String()] = img
		}
	}
	return all
}

func TestEveryEditionForEveryPlatform(t *testing.T) {
	b := images(t)
	all := byTag(t, b)
	if len(all) != 4 {
		t.Errorf("%d images", len(all))
	}
	for _, tag := range []string{b.version, b.version + "-team"} {
		for _, cpu := range []string{"amd64", "arm64"} {
			img := all[tag+" linux/"+cpu]
			if img == nil {
				t.Errorf("no %s for %s", tag, cpu)
				continue
			}
			file, err := img.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			c := file.Config
			mode := strings.Contains(strings.Join(c.Env, " "), "TOKLIGENCE_MODE=team")
			if file.Architecture != cpu || file.OS != "linux" || c.User != "65532:65532" || c.Healthcheck == nil ||
				c.Labels["org.opencontainers.image.version"] != b.version || mode != strings.HasSuffix(tag, "-team") {
				t.Errorf("%s: %+v", tag, file)
			}
			if size, err := compressed(img); err != nil || size > 16<<20 {
				t.Errorf("%s is %d bytes to pull: %v", tag, size, err)
			}
		}
	}
}

func compressed(img v1.Image) (sum int64, err error) {
	m, err := img.Manifest()
	if err != nil {
		return 0, err
	}
	for _, l := range m.Layers {
		sum += l.Size
	}
	return sum, nil
}

// TestFiles looks at all that is in an image: nothing but /data can be
// written to by the user that runs the program.
func TestFiles(t *testing.T) {
	b := images(t)
	for at, img := range byTag(t, b) {
		got := files(t, img)
		for path, what := range got {
			owned := strings.Contains(what, " 65532:65532 700")
			if owned != (path == "data") {
				t.Errorf("%s: /%s is %s", at, path, what)
			}
		}
		for path, what := range map[string]string{
			"usr/bin/gateway": "file 0:0 755 ", "usr/bin/gatewayd": "link 0:0 777 gateway", "data": "dir 65532:65532 700",
			"usr/share/licenses/tokligence-gateway/LICENSE": "file 0:0 644 ",
		} {
			if !strings.HasPrefix(got[path], what) {
				t.Errorf("%s: /%s is %q, not %q", at, path, got[path], what)
			}
		}
	}
}

// TestPrograms looks at the programs' headers: of the platform, and static.
func TestPrograms(t *testing.T) {
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	for at, img := range byTag(t, images(t)) {
		program := content(t, img, "usr/bin/gateway")
		f, err := elf.NewFile(bytes.NewReader(program))
		if err != nil {
			t.Errorf("%s: %v", at, err)
			continue
		}
		cpu := at[strings.LastIndexByte(at, '/')+1:]
		libraries, err := f.ImportedLibraries()
		if f.Machine != machines[cpu] || err != nil || len(libraries) > 0 || f.Section(".interp") != nil {
			t.Errorf("%s: %s, needs %v, %v", at, f.Machine, libraries, err)
		}
		if qemu, err := exec.LookPath("qemu-aarch64-static"); cpu == "arm64" && err == nil {
			path := filepath.Join(t.TempDir(), "gateway")
			if err := os.WriteFile(path, program, 0o700); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(qemu, path, "--version").CombinedOutput(); err != nil || !bytes.Contains(out, []byte(images(t).version)) {
				t.Errorf("%s says %s: %v", at, out, err)
			}
		}
	}
}

// TestPushAndPull goes through a registry, as users do.
func TestPushAndPull(t *testing.T) {
	b := images(t)
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/tokligence/gateway"
	var out bytes.Buffer
	if err := run(t.Context(), []string{"push", "-from", b.layout, repository}, &out, os.Stderr); err != nil {
		t.Fatal(err)
	}
	for at, img := range byTag(t, b) {
		tag, platform, _ := strings.Cut(at, " ")
		if !strings.Contains(out.String(), repository+":"+tag+"@sha256:") {
			t.Errorf("%s was not told: %s", tag, &out)
		}
		want, err := v1.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := name.ParseReference(repository + ":" + tag)
		if err != nil {
			t.Fatal(err)
		}
		pulled, err := remote.Image(ref, remote.WithPlatform(*want))
		if err != nil {
			t.Errorf("%s: %v", at, err)
			continue
		}
		got, errGot := pulled.Digest()
		pushed, errPushed := img.Digest()
		if errGot != nil || errPushed != nil || got != pushed {
			t.Errorf("%s: %s was pushed and %s pulled: %v %v", at, pushed, got, errPushed, errGot)
		}
		readAll(t, pulled)
	}
}

// readAll downloads an image; what does not have its digest is an error.
func readAll(t *testing.T, img v1.Image) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil || len(layers) == 0 {
		t.Fatalf("%d layers: %v", len(layers), err)
	}
	for _, l := range layers {
		in, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, in); err != nil {
			t.Error(err)
		}
		_ = in.Close()
	}
}
