package check

import (
	"encoding/json"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// python is a version as Python writes it: 1.2.3-rc.1 is 1.2.3rc1 there, and
// 1.2.3-dev is 1.2.3.dev0.
func python(version string) string {
	number, stage, found := strings.Cut(version, "-")
	if !found {
		return number
	}
	name, count, _ := strings.Cut(stage, ".")
	if count == "" {
		count = "0"
	}
	short := map[string]string{"alpha": "a", "beta": "b", "rc": "rc"}[name]
	if short == "" {
		short = ".dev"
	}
	return number + short + count
}

func TestPythonWritesVersionsDifferently(t *testing.T) {
	for in, want := range map[string]string{"1.2.3": "1.2.3", "1.2.3-rc.1": "1.2.3rc1", "1.2.3-beta.2": "1.2.3b2", "0.1.0-dev": "0.1.0.dev0"} {
		if got := python(in); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

// TestOneVersion holds the version of everything that was made to the one in
// the sources.
func TestOneVersion(t *testing.T) {
	version, err := Version()
	if err != nil {
		t.Fatal(err)
	}
	same := func(t *testing.T, what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s says %q, want %q", what, got, want)
		}
	}
	t.Run("release", func(t *testing.T) {
		var m struct{ Version, Tag string }
		if err := readJSON(filepath.Join(dist, "metadata.json"), &m); err != nil {
			t.Fatal(err)
		}
		same(t, "metadata.json", m.Version, version)
		same(t, "the tag", m.Tag, "v"+version)
	})
	t.Run("program", func(t *testing.T) {
		var build struct{ Version, Commit, Date string }
		if err := json.Unmarshal([]byte(run(t, program(t), "version", "--json")), &build); err != nil {
			t.Fatal(err)
		}
		same(t, "the program", build.Version, version)
		if !regexp.MustCompile(`^[0-9a-f]{12}$`).MatchString(build.Commit) || !strings.Contains(build.Date, "T") {
			t.Errorf("it was stamped with commit %q of %q", build.Commit, build.Date)
		}
	})
	t.Run("archives", func(t *testing.T) {
		for _, a := range artifacts(t, "Archive") {
			if !strings.HasPrefix(a.Name, "tokligence-gateway_"+version+"_"+a.GOOS+"_"+a.GOARCH+".") {
				t.Errorf("%s does not name %s", a.Name, version)
			}
		}
	})
	// Both sort what comes before a release by a tilde.
	packaged := strings.Replace(version, "-", "~", 1)
	t.Run("deb", func(t *testing.T) {
		deb := tool(t, "dpkg-deb")
		for _, a := range packages(t, "deb") {
			same(t, a.Name, strings.TrimSpace(run(t, deb, "--field", a.File(), "Version")), packaged)
		}
	})
	t.Run("rpm", func(t *testing.T) {
		rpm := tool(t, "rpm")
		for _, a := range packages(t, "rpm") {
			same(t, a.Name, run(t, rpm, "-q", "--qf", "%{VERSION}", "-p", a.File()), packaged)
		}
	})
	t.Run("flag", func(t *testing.T) {
		same(t, "gateway --version", strings.TrimSpace(run(t, program(t), "--version")), "gateway version "+version)
	})
}

func TestOneVersionOfWheels(t *testing.T) {
	version, err := Version()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range made(t, "python/build_wheels.py", "*.whl") {
		files, err := Unpack(file)
		if err != nil {
			t.Fatal(err)
		}
		info := "tokligence-" + python(version) + ".dist-info/METADATA"
		if meta := string(files[info].Data); !strings.Contains(meta, "\nVersion: "+python(version)+"\n") {
			t.Errorf("%s: %s does not say version %s", filepath.Base(file), info, python(version))
		}
		carries(t, file, files, "tokligence/_bin/")
	}
}

func TestOneVersionOfNodePackages(t *testing.T) {
	version, err := Version()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range made(t, "npm/pack.mjs", "*.tgz") {
		files, err := Unpack(file)
		if err != nil {
			t.Fatal(err)
		}
		var pkg struct {
			Name, Version        string
			OptionalDependencies map[string]string
		}
		if err := json.Unmarshal(files["package/package.json"].Data, &pkg); err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		if pkg.Version != version {
			t.Errorf("%s is %s, want %s", pkg.Name, pkg.Version, version)
		}
		for name, wanted := range pkg.OptionalDependencies {
			if wanted != version {
				t.Errorf("%s asks for %s %s, want %s", pkg.Name, name, wanted, version)
			}
		}
		if pkg.Name != "@tokligence/gateway" {
			carries(t, file, files, "package/bin/")
		}
	}
}

// carries checks that a package holds a program that was built, and the notices.
func carries(t *testing.T, file string, files map[string]Entry, folder string) {
	t.Helper()
	own := map[string]bool{}
	for _, b := range artifacts(t, "Binary") {
		own[sum(read(t, b.File()))] = true
	}
	programs, notices := 0, false
	for name, e := range files {
		if strings.HasPrefix(name, folder) && own[sum(e.Data)] && e.Mode.Perm()&0o111 != 0 {
			programs++
		}
		notices = notices || path.Base(name) == "THIRD_PARTY_NOTICES" && sum(e.Data) == sum(read(t, filepath.Join(root, "THIRD_PARTY_NOTICES")))
	}
	if programs != 1 || !notices {
		t.Errorf("%s holds %d of the programs that were built; notices: %v", filepath.Base(file), programs, notices)
	}
}

// made lists the files that a script of the repository makes in dist.
func made(t *testing.T, script, pattern string) []string {
	t.Helper()
	files := glob(t, pattern)
	if len(files) == 0 {
		t.Fatalf("%s made no %s", script, pattern)
	}
	return files
}
