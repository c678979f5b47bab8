package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

func TestNothingPrintsTheValue(t *testing.T) {
	const value = "sk-canary-1234"
	s := secret.New(value)
	holder := struct {
		Key secret.Secret
		Ptr *secret.Secret
	}{s, &s}
	asJSON, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "key", s, "holder", holder)
	for name, out := range map[string]string{
		"%v": fmt.Sprintf("%v", holder), "%+v": fmt.Sprintf("%+v", holder), "%#v": fmt.Sprintf("%#v", s),
		"String": s.String(), "%s": fmt.Sprintf("%s", holder), "%q": fmt.Sprintf("%q", s), "%x": fmt.Sprintf("%x", s),
		"json": string(asJSON), "slog": logged.String(),
	} {
		if strings.Contains(out, value) || strings.Contains(out, fmt.Sprintf("%x", value)) {
			t.Errorf("%s shows the secret: %s", name, out)
		}
	}
	if s.Reveal() != value {
		t.Errorf("Reveal() = %q", s.Reveal())
	}
}

func TestEmptySecretSaysSo(t *testing.T) {
	var s secret.Secret
	if !s.Empty() || s.String() != "" {
		t.Errorf("empty secret: Empty=%v String=%q", s.Empty(), s.String())
	}
}
