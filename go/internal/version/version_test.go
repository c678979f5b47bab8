package version

import (
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionIsSemantic(t *testing.T) {
	if v := Version(); !regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`).MatchString(v) {
		t.Errorf("VERSION says %q", v)
	}
	if number != Version()+"\n" {
		t.Errorf("VERSION holds more than one line: %q", number)
	}
}

func TestDescribe(t *testing.T) {
	info := &debug.BuildInfo{Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "true"},
	}}
	b := describe(info)
	if b.Commit != "0123456789ab" || b.Date != "2026-01-02T03:04:05Z" || !b.Modified || b.Version != Version() {
		t.Errorf("%+v", b)
	}
	if s := b.String(); !strings.HasPrefix(s, Version()+" (commit 0123456789ab+, 2026-01-02T03:04:05Z, go") || !strings.Contains(s, runtime.GOOS) {
		t.Errorf("%s", s)
	}
	if b = describe(nil); b.Commit != "" || b.Modified || !strings.HasPrefix(b.String(), Version()+" (go") {
		t.Errorf("without what the Go tool notes: %s", b)
	}
}

func TestTheLinkerWins(t *testing.T) {
	defer func() { version, commit, date = "", "", "" }()
	version, commit, date = "9.8.7", "feed", "2030-01-01T00:00:00Z"
	b := describe(&debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123"}, {Key: "vcs.time", Value: "x"}}})
	if Version() != "9.8.7" || Commit() != "feed" || b.Commit != "feed" || b.Date != "2030-01-01T00:00:00Z" {
		t.Errorf("%+v", b)
	}
}
