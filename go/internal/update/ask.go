// Package update finds out whether a newer release is out. It asks one address,
// at most once a day, tells it four facts and takes one answer: a version. It
// fetches nothing else and installs nothing.
package update

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

const (
	askTime   = 10 * time.Second
	maxAnswer = 64 << 10 // bytes
)

// Facts are all that is told of an installation.
type Facts struct {
	Installation string `json:"installation,omitempty"` // random, the same for all instances on one database
	Version      string `json:"version"`
	Platform     string `json:"platform"` // os/cpu
	Database     string `json:"database"` // sqlite, postgres
}

// Address is whom to ask and by way of whom.
type Address struct {
	URL   string
	Proxy func(*http.Request) (*url.URL, error) // nil: none
}

// Ask tells the facts and returns the latest release.
func Ask(ctx context.Context, at Address, f Facts) (latest string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	body, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.URL, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "tokligence-gateway/"+f.Version)
	// No client, so that no redirect takes the facts elsewhere.
	transport := &http.Transport{Proxy: at.Proxy, DisableKeepAlives: true, DisableCompression: true, ForceAttemptHTTP2: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "", fmt.Errorf("asking for the latest release: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("asking for the latest release: status %d from %s", resp.StatusCode, req.URL.Host)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("reading the latest release: %w", err)
	}
	return readAnswer(answer)
}

var errNoVersion = errors.New("the answer names no version")

// readAnswer takes the version out of an answer and nothing else: what comes
// from there is shown to people.
func readAnswer(answer []byte) (string, error) {
	var a struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return "", fmt.Errorf("reading the latest release: %w", err)
	}
	v := strings.TrimPrefix(a.Version, "v")
	if !semver.IsValid("v" + v) {
		return "", errNoVersion
	}
	return v, nil
}

// Newer reports whether latest is a release that should take the place of
// current. One that is not finished never takes that of one that is.
func Newer(latest, current string) bool {
	latest, current = "v"+latest, "v"+current
	if semver.Prerelease(latest) != "" && semver.Prerelease(current) == "" {
		return false
	}
	return semver.IsValid(current) && semver.Compare(latest, current) > 0
}
