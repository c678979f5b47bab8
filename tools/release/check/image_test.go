package check

import (
	"path/filepath"
	"strings"
	"testing"
)

// index and manifest are what is needed of the files of an OCI layout.
type descriptor struct {
	Digest    string
	MediaType string
	Platform  struct{ OS, Architecture string }
}

type (
	index    struct{ Manifests []descriptor }
	manifest struct{ Config descriptor }
	setup    struct {
		OS, Architecture string
		Config           struct{ Labels map[string]string }
	}
)

// TestOneVersionOfImages follows the layout down to the label of every image.
func TestOneVersionOfImages(t *testing.T) {
	version, err := Version()
	if err != nil {
		t.Fatal(err)
	}
	blob := func(d descriptor, into any) {
		if err := readJSON(filepath.Join(dist, "oci/blobs", strings.Replace(d.Digest, ":", "/", 1)), into); err != nil {
			t.Fatal(err)
		}
	}
	var top index
	if err := readJSON(filepath.Join(dist, "oci/index.json"), &top); err != nil {
		t.Fatal(err)
	}
	images := 0
	for _, edition := range top.Manifests {
		var platforms index
		blob(edition, &platforms)
		for _, d := range platforms.Manifests {
			var m manifest
			blob(d, &m)
			var s setup
			blob(m.Config, &s)
			if got := s.Config.Labels["org.opencontainers.image.version"]; got != version {
				t.Errorf("the image for %s/%s says %q, want %q", s.OS, s.Architecture, got, version)
			}
			images++
		}
	}
	if images == 0 {
		t.Error("there is no image")
	}
}
