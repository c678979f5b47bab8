package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TestAnEngineMakesTheSame builds the Dockerfile with buildah, which needs no
// daemon, and compares the images with ours.
func TestAnEngineMakesTheSame(t *testing.T) {
	buildah, err := exec.LookPath("buildah")
	if err != nil || os.Getuid() != 0 {
		t.Skip("without buildah (tools/install-test-deps.sh installs it on Debian and Ubuntu), or without root, which it needs here")
	}
	b := images(t)
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/engine/gateway"
	store := t.TempDir()
	engine := func(args ...string) {
		t.Helper()
		cmd := exec.Command(buildah, append([]string{
			"--root", filepath.Join(store, "root"), "--runroot", filepath.Join(store, "run"), "--storage-driver", "vfs",
		}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("buildah %s: %v\n%s", args[0], err, out)
		}
	}
	ours := byTag(t, b)
	labels := config(t, ours[b.version+" linux/amd64"]).Labels
	for _, e := range editions() {
		tag := b.version + e.suffix
		engine("bud", "--isolation", "chroot", "--platform", "linux/amd64,linux/arm64", "--target", e.target, "--format", "docker",
			"--identity-label=false", "--build-arg", "VERSION="+labels["org.opencontainers.image.version"],
			"--build-arg", "REVISION="+labels["org.opencontainers.image.revision"],
			"--manifest", tag, "-f", filepath.Join(root, "docker", "Dockerfile"), b.context)
		engine("manifest", "push", "--all", "--format", "v2s2", "--tls-verify=false", tag, "docker://"+repository+":"+tag)
		for _, cpu := range []string{"amd64", "arm64"} {
			ref, err := name.ParseReference(repository + ":" + tag)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := remote.Image(ref, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: cpu}))
			if err != nil {
				t.Fatal(err)
			}
			want := config(t, theirs)
			want.Hostname = "" // of the build; no engine gives it to a container
			mine := ours[tag+" linux/"+cpu]
			if got, want := encode(t, config(t, mine)), encode(t, want); got != want {
				t.Errorf("%s for %s: ours is run as\n%s\nan engine's as\n%s", tag, cpu, got, want)
			}
			if got, want := files(t, mine), files(t, theirs); !reflect.DeepEqual(got, want) {
				t.Errorf("%s for %s: ours holds\n%v\nan engine's\n%v", tag, cpu, got, want)
			}
		}
	}
}

// encode shows a configuration: what is empty is not there.
func encode(t *testing.T, c v1.Config) string {
	t.Helper()
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
