package image_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// build makes the images for this machine with tools/image, once, and returns
// their OCI layout.
var build = sync.OnceValues(func() (string, error) {
	_, self, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(self), "..", "..", "..")
	program := filepath.Join(scratch, "gateway")
	if err := run(filepath.Join(root, "go"), "go", "build", "-buildvcs=false", "-trimpath", "-tags", "nomsgpack",
		"-ldflags", "-s -w -X github.com/tokligence/tokligence-gateway/go/internal/version.commit=0123456789ab",
		"-o", program, "./cmd/gateway"); err != nil {
		return "", err
	}
	layout := filepath.Join(scratch, "oci")
	return layout, run(filepath.Join(root, "tools", "image"), "go", "run", ".", "build",
		"-program", "linux/"+runtime.GOARCH+"="+program, "-context", filepath.Join(scratch, "context"), "-out", layout)
})

func run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// scratch is removed after the tests.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tokligence-image")
	if err != nil {
		log.Fatal(err)
	}
	scratch = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// image is one that has been unpacked.
type image struct {
	root   string
	config struct {
		User        string
		Env         []string
		Entrypoint  []string
		Labels      map[string]string
		Healthcheck struct{ Test []string }
	}
}

type descriptor struct {
	Digest      string
	Annotations map[string]string
}

// unpack makes a root file system of the image with a tag that ends so.
func unpack(t *testing.T, suffix string) *image {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("a container's root file system, with its owners, can only be made and entered by root on Linux")
	}
	layout, err := build()
	if err != nil {
		t.Fatal(err)
	}
	var top, index struct{ Manifests []descriptor }
	read(t, filepath.Join(layout, "index.json"), &top)
	for _, d := range top.Manifests {
		if strings.HasSuffix(d.Annotations["org.opencontainers.image.ref.name"], "-team") == (suffix == "-team") {
			read(t, blob(layout, d.Digest), &index)
		}
	}
	if len(index.Manifests) != 1 {
		t.Fatalf("%d images instead of one", len(index.Manifests))
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	read(t, blob(layout, index.Manifests[0].Digest), &manifest)
	img := &image{root: t.TempDir()}
	var file struct{ Config any }
	file.Config = &img.config
	read(t, blob(layout, manifest.Config.Digest), &file)
	if err := os.Chmod(img.root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, l := range manifest.Layers {
		if err := extract(img.root, blob(layout, l.Digest)); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

func blob(layout, digest string) string {
	return filepath.Join(layout, "blobs", filepath.FromSlash(strings.Replace(digest, ":", "/", 1)))
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func extract(root, layer string) error {
	f, err := os.Open(layer)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for in := tar.NewReader(z); ; {
		h, err := in.Next()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := entry(filepath.Join(root, h.Name), h, in); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

func entry(to string, h *tar.Header, content io.Reader) error {
	switch h.Typeflag {
	case tar.TypeDir:
		if err := os.Mkdir(to, 0o755); err != nil && !os.IsExist(err) {
			return err
		}
	case tar.TypeSymlink:
		return os.Symlink(h.Linkname, to)
	case tar.TypeReg:
		data, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, data, 0o600); err != nil {
			return err
		}
	default:
		return fmt.Errorf("type %q is not expected in the image", h.Typeflag)
	}
	if err := os.Chown(to, h.Uid, h.Gid); err != nil {
		return err
	}
	return os.Chmod(to, h.FileInfo().Mode().Perm())
}
