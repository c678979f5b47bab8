package cli

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

// TestAnnounce shows the first key once, or says that another is to be made.
func TestAnnounce(t *testing.T) {
	gone, end := io.Pipe()
	_ = gone.Close() // gateway start has given up waiting
	for name, c := range map[string]struct {
		stderr  io.Writer
		settled bool
		told    bool
	}{
		"somebody reads":    {stderr: io.Discard},
		"nobody reads":      {stderr: end, told: true},
		"it is ready since": {stderr: io.Discard, settled: true, told: true},
	} {
		t.Run(name, func(t *testing.T) {
			var shown, logged bytes.Buffer
			at := &place{stderr: io.MultiWriter(c.stderr, &shown), log: slog.New(slog.NewTextHandler(&logged, nil))}
			at.settled.Store(c.settled)
			at.announce(secret.New("tok-first"))
			if got := strings.Contains(shown.String(), "tok-first"); got == c.told {
				t.Errorf("shown: %v", got)
			}
			if got := strings.Contains(logged.String(), "gateway keys create"); got != c.told || strings.Contains(logged.String(), "tok-first") {
				t.Errorf("logged: %s", logged.String())
			}
		})
	}
}
