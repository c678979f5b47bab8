package main

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// files says of everything in an image what it is, whose, and what is in it.
func files(t *testing.T, img v1.Image) map[string]string {
	t.Helper()
	in := mutate.Extract(img)
	defer in.Close()
	all := make(map[string]string)
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.Trim(h.Name, "/")] = describe(h, content)
	}
}

// describe says what an entry of an image is, whose, and what is in it.
func describe(h *tar.Header, content []byte) string {
	who := fmt.Sprintf("%d:%d %o", h.Uid, h.Gid, h.Mode&0o7777)
	switch h.Typeflag {
	case tar.TypeDir:
		return "dir " + who
	case tar.TypeSymlink:
		return "link " + who + " " + h.Linkname
	}
	if len(content) > 100 {
		return fmt.Sprintf("file %s %x", who, sha256.Sum256(content))
	}
	return fmt.Sprintf("file %s %s", who, content)
}

// content returns one file of an image.
func content(t *testing.T, img v1.Image, path string) []byte {
	t.Helper()
	in := mutate.Extract(img)
	defer in.Close()
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if h.Name == path {
			data, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
	}
}

func config(t *testing.T, img v1.Image) v1.Config {
	t.Helper()
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return file.Config
}
