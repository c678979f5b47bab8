package main

import (
	"archive/tar"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// carryOut makes the image of the last stage of a Dockerfile.
func carryOut(t *testing.T, text, context string) (v1.Image, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "Dockerfile")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := readRecipe(file, context, v1.Platform{OS: "linux", Architecture: "riscv64"},
		buildInfo{Version: "1.2.3", Commit: "feed", Date: time.Unix(1e9, 0)})
	if err != nil {
		return nil, err
	}
	return r.image(r.stages[len(r.stages)-1].Name)
}

func TestConfiguration(t *testing.T) {
	img, err := carryOut(t, `
FROM scratch AS base
ARG TARGETARCH
ARG VERSION=9
ARG OTHER=default
ENV A=one B="two words" C=$TARGETARCH
ENV A=${OTHER}
LABEL version=$VERSION
WORKDIR /w/
VOLUME /v
EXPOSE 80 53/udp
USER 1:2
HEALTHCHECK --interval=2s --timeout=1s --start-period=3s --retries=4 CMD ["/x", "y"]
ENTRYPOINT ["/x"]
FROM base AS last
CMD ["z"]
ENV D=four
`, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		Env: []string{"A=default", "B=two words", "C=riscv64", "D=four"}, Labels: map[string]string{"version": "1.2.3"},
		WorkingDir: "/w", Volumes: map[string]struct{}{"/v": {}}, ExposedPorts: map[string]struct{}{"80/tcp": {}, "53/udp": {}},
		User: "1:2", Entrypoint: []string{"/x"}, Cmd: []string{"z"},
		Healthcheck: &v1.HealthConfig{
			Test: []string{"CMD", "/x", "y"}, Interval: 2 * time.Second, Timeout: time.Second,
			StartPeriod: 3 * time.Second, Retries: 4,
		},
	}
	if !reflect.DeepEqual(file.Config, want) {
		t.Errorf("%+v\nwant %+v", file.Config, want)
	}
	if file.Architecture != "riscv64" || file.OS != "linux" || !file.Created.Equal(time.Unix(1e9, 0)) || len(file.History) != 11 {
		t.Errorf("%s/%s, %s, %d steps", file.OS, file.Architecture, file.Created, len(file.History))
	}
}

func TestCopy(t *testing.T) {
	context := t.TempDir()
	for name, mode := range map[string]os.FileMode{"dir/sub/file": 0o640, "one": 0o755, "two": 0o600} {
		path := filepath.Join(context, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("file", filepath.Join(context, "dir/sub/link")); err != nil {
		t.Fatal(err)
	}
	img, err := carryOut(t, `FROM scratch AS x
COPY dir/ /d/
COPY one two /many/
COPY --chown=7:8 --chmod=0700 dir/sub /own/it
COPY one /renamed
`, context)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"d": "dir 0:0 755", "d/sub": "dir 0:0 755", "d/sub/file": "file 0:0 640 dir/sub/file", "d/sub/link": "link 0:0 777 file",
		"many": "dir 0:0 755", "many/one": "file 0:0 755 one", "many/two": "file 0:0 600 two",
		"own": "dir 0:0 755", "own/it": "dir 7:8 700", "own/it/file": "file 7:8 700 dir/sub/file", "own/it/link": "link 7:8 777 file",
		"renamed": "file 0:0 755 one",
	}
	if got := files(t, img); !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	in := mutate.Extract(img)
	defer in.Close()
	if h, err := tar.NewReader(in).Next(); err != nil || !h.ModTime.Equal(time.Unix(1e9, 0)) {
		t.Errorf("%v, time %v", err, h)
	}
}

func TestWhatNeedsAnEngineIsRefused(t *testing.T) {
	for _, test := range []struct{ line, says string }{
		{"RUN true", "line 2, RUN: this instruction"},
		{"ADD a /", "line 2, ADD: this instruction"},
		{"SHELL [\"/bin/sh\"]", "this instruction"},
		{"ENTRYPOINT /x", "no shell"},
		{"CMD x", "no shell"},
		{"HEALTHCHECK CMD x", "no shell"},
		{"HEALTHCHECK --start-interval=1s CMD [\"x\"]", "--start-interval"},
		{"WORKDIR here", "absolute"},
		{"COPY --from=y / /", "only --chown and --chmod"},
		{"COPY a here", "absolute"},
		{"COPY a* /", "patterns"},
		{"COPY --chown=me a /", "by number"},
		{"COPY --chmod=u+x a /", "octal"},
		{"COPY a /", "no such file"},
		{"COPY ../outside /", "no such file"},
		{"NONSENSE", "unknown instruction"},
	} {
		if _, err := carryOut(t, "FROM scratch AS x\n"+test.line+"\n", t.TempDir()); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", test.line, err, test.says)
		}
	}
	for _, text := range []string{"FROM debian AS x\n", "ARG V\nFROM scratch AS x\n", "FROM later AS x\nFROM scratch AS later\nFROM x AS end\n"} {
		if _, err := carryOut(t, text, t.TempDir()); err == nil {
			t.Errorf("carried out: %s", text)
		}
	}
}

func FuzzRecipe(f *testing.F) {
	text, err := os.ReadFile("../../docker/Dockerfile")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("FROM scratch AS x\nCOPY . /\nENV A=${B:-$C}\n")
	context := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		r, err := newRecipe([]byte(text))
		if err != nil {
			return
		}
		r.context = context
		for _, s := range r.stages {
			if img, err := r.image(s.Name); err == nil {
				if _, err := img.Digest(); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

func TestArtifacts(t *testing.T) {
	write := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "artifacts.json")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	type a map[string]any
	binary := func(name, system, cpu, path string) a {
		return a{"type": "Binary", "name": name, "goos": system, "goarch": cpu, "path": path, "extra": a{"ID": "x"}}
	}
	got, err := readArtifacts(write([]a{
		binary("gateway", "linux", "arm64", "dist/b"), binary("gateway.exe", "windows", "amd64", "dist/w"),
		binary("gateway", "darwin", "arm64", "dist/m"), binary("gateway", "linux", "amd64", "/abs/a"),
		binary("gatewayd", "linux", "amd64", "dist/d"),
		{"type": "Archive", "name": "gateway", "goos": "linux", "path": "x"},
	}), "/root")
	want := programs{
		{v1.Platform{OS: "linux", Architecture: "amd64"}, "/abs/a"},
		{v1.Platform{OS: "linux", Architecture: "arm64"}, "/root/dist/b"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []any{a{}, []a{}, []a{binary("gateway", "linux", "", "x")}, []a{
		binary("gateway", "linux", "amd64", "x"), binary("gateway", "linux", "amd64", "y"),
	}} {
		if got, err := readArtifacts(write(bad), "/root"); err == nil {
			t.Errorf("%v: %v", bad, got)
		}
	}
}
