package check

import (
	"flag"
	"slices"
	"testing"
)

var whole = flag.Bool("whole", false, "the snapshot must be of all platforms")

// TestNothingIsMissing counts: each program is in an archive, a wheel and an npm
// package, each one for Linux in a deb and a rpm too.
func TestNothingIsMissing(t *testing.T) {
	var platforms, linux []string
	for _, a := range artifacts(t, "Binary") {
		p := a.GOOS + "/" + a.GOARCH
		platforms = append(platforms, p)
		if a.GOOS == "linux" {
			linux = append(linux, p)
		}
	}
	slices.Sort(platforms)
	slices.Sort(linux)
	same := func(what string, all []Artifact, want []string) {
		t.Helper()
		var got []string
		for _, a := range all {
			got = append(got, a.GOOS+"/"+a.GOARCH)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("there is %s for %v, want %v", what, got, want)
		}
	}
	same("an archive", artifacts(t, "Archive"), platforms)
	same("a deb", packages(t, "deb"), linux)
	same("a rpm", packages(t, "rpm"), linux)
	all := []string{"darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64", "windows/amd64", "windows/arm64"}
	if *whole && !slices.Equal(platforms, all) {
		t.Errorf("there is a program for %v, want %v", platforms, all)
	}
	t.Run("wheels", func(t *testing.T) {
		if n := len(made(t, "python/build_wheels.py", "*.whl")); n != len(platforms) {
			t.Errorf("%d wheels for %d programs", n, len(platforms))
		}
	})
	t.Run("npm", func(t *testing.T) {
		if n := len(made(t, "npm/pack.mjs", "*.tgz")); n != len(platforms)+1 {
			t.Errorf("%d npm packages for %d programs", n, len(platforms))
		}
	})
}
