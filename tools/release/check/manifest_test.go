package check

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// manifests maps the systems of a package manager to what it is told.
var manifests = []struct {
	name    string
	pattern string
	systems []string
}{
	{"Homebrew", "homebrew/Casks/tokligence-gateway.rb", []string{"linux", "darwin"}},
	{"Scoop", "scoop/tokligence-gateway.json", []string{"windows"}},
	{"winget", "winget/manifests/t/Tokligence/Gateway/*/Tokligence.Gateway.installer.yaml", []string{"windows"}},
}

var (
	sha     = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	address = regexp.MustCompile(`https://github\.com/\S+/releases/download/[^"\s]+`)
)

// Every archive of its systems is in a manifest with its sum, and no other;
// every address is that of the release to be.
func TestManifests(t *testing.T) {
	version, err := Version()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range manifests {
		t.Run(m.name, func(t *testing.T) {
			files := glob(t, m.pattern)
			if len(files) != 1 {
				t.Fatalf("found %v", files)
			}
			text := string(read(t, files[0]))
			var want []string
			for _, a := range artifacts(t, "Archive") {
				if slices.Contains(m.systems, a.GOOS) {
					want = append(want, sum(read(t, a.File())))
				}
			}
			got := sha.FindAllString(text, -1)
			slices.Sort(want)
			slices.Sort(got)
			if len(want) == 0 || !slices.Equal(got, want) {
				t.Errorf("it names the sums %v, want %v", got, want)
			}
			for _, url := range address.FindAllString(text, -1) {
				url = strings.ReplaceAll(url, "#{version}", version)
				if !strings.Contains(url, "/v"+version+"/tokligence-gateway_"+version+"_") {
					t.Errorf("the address %s is not one of version %s", url, version)
				}
			}
		})
	}
	t.Run("Homebrew is Ruby", func(t *testing.T) {
		run(t, tool(t, "ruby"), "-c", filepath.Join(dist, "homebrew/Casks/tokligence-gateway.rb"))
	})
	t.Run("winget is YAML", func(t *testing.T) { winget(t, version) })
	t.Run("Scoop is JSON", func(t *testing.T) {
		var scoop struct {
			Version      string
			Architecture map[string]struct {
				Bin []string
			}
		}
		if err := readJSON(filepath.Join(dist, "scoop/tokligence-gateway.json"), &scoop); err != nil {
			t.Fatal(err)
		}
		for name, a := range scoop.Architecture {
			if !slices.Equal(a.Bin, []string{"gateway.exe"}) {
				t.Errorf("%s starts %v", name, a.Bin)
			}
		}
		if scoop.Version != version {
			t.Errorf("version %q", scoop.Version)
		}
	})
}

// winget checks what the three files of a manifest for winget must agree on.
func winget(t *testing.T, version string) {
	files := glob(t, "winget/manifests/t/Tokligence/Gateway/*/*.yaml")
	var kinds []string
	for _, file := range files {
		var m struct {
			ID       string `yaml:"PackageIdentifier"`
			Version  string `yaml:"PackageVersion"`
			Kind     string `yaml:"ManifestType"`
			Manifest string `yaml:"ManifestVersion"`
		}
		if err := yaml.Unmarshal(read(t, file), &m); err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		if m.ID != "Tokligence.Gateway" || m.Version != version || m.Manifest == "" {
			t.Errorf("%s says %+v", filepath.Base(file), m)
		}
		kinds = append(kinds, m.Kind)
	}
	slices.Sort(kinds)
	if !slices.Equal(kinds, []string{"defaultLocale", "installer", "version"}) {
		t.Errorf("the files are %v", kinds)
	}
}
