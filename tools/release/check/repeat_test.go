package check

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// varying are the endings of files that a repeated build need not repeat: the
// tool's own notes hold folder and time, winget's manifest the day.
var varying = []string{"artifacts.json", "metadata.json", "config.yaml", ".installer.yaml"}

// TestTwoClonesAreEqual builds what is committed in two fresh clones without
// tags, in two folders, for this platform and Windows (without which there is
// no manifest for winget), and compares all that came out. The builds have no
// network, where one can be taken away.
func TestTwoClonesAreEqual(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds twice")
	}
	at := t.TempDir()
	one, two := build(t, filepath.Join(at, "one")), build(t, filepath.Join(at, "another/folder"))
	if len(one) < 6 {
		t.Errorf("only %d files were made: %v", len(one), one)
	}
	for name, s := range one {
		if two[name] != s {
			t.Errorf("%s is %s in one clone and %q in the other", name, s, two[name])
		}
	}
	for name := range two {
		if one[name] == "" {
			t.Errorf("%s is in one clone only", name)
		}
	}
}

// build clones, makes a snapshot and returns the sums of its files.
func build(t *testing.T, at string) map[string]string {
	t.Helper()
	origin, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	run(t, "git", "clone", "--quiet", "--no-tags", "file://"+origin, at)
	args := []string{"sh", "tools/release/snapshot.sh", runtime.GOOS + "_" + runtime.GOARCH, "windows_amd64"}
	if exec.Command("unshare", "--net", "true").Run() == nil {
		args = append([]string{"unshare", "--net"}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = at
	cmd.Env = append(os.Environ(), "GOPROXY=off", "PATH="+filepath.Join(origin, ".tools")+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	sums := map[string]string{}
	made := filepath.Join(at, "dist")
	err = filepath.WalkDir(made, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(made, path)
		if err != nil || !d.Type().IsRegular() || varies(name) {
			return err
		}
		sums[name] = sum(read(t, path))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

func varies(name string) bool {
	return slices.ContainsFunc(varying, func(end string) bool { return strings.HasSuffix(name, end) })
}
