package logging

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

const shortest = 6 // bytes of a secret that is looked for

// scrubber takes known secrets out of text.
type scrubber struct {
	adding sync.Mutex
	forms  atomic.Pointer[[][]byte] // the longest first; nil: none
}

func (s *scrubber) add(secrets []secret.Secret) {
	s.adding.Lock()
	defer s.adding.Unlock()
	var all [][]byte
	if old := s.forms.Load(); old != nil {
		all = slices.Clone(*old)
	}
	known := make(map[string]bool, len(all))
	for _, form := range all {
		known[string(form)] = true
	}
	for _, one := range secrets {
		if len(one.Reveal()) < shortest {
			continue
		}
		for _, form := range spellings(one.Reveal()) {
			if !known[form] {
				known[form] = true
				all = append(all, []byte(form))
			}
		}
	}
	// A secret that is part of another must not leave the rest of it behind.
	slices.SortStableFunc(all, func(a, b []byte) int { return cmp.Compare(len(b), len(a)) })
	s.forms.Store(&all)
}

// spellings are the ways a value may be written within a record.
func spellings(value string) []string {
	out := []string{
		value,
		strings.Trim(strconv.Quote(value), `"`),
		url.QueryEscape(value), url.PathEscape(value), strings.TrimPrefix(url.UserPassword("", value).String(), ":"),
		base64.StdEncoding.EncodeToString([]byte(value)), base64.RawStdEncoding.EncodeToString([]byte(value)),
		base64.RawURLEncoding.EncodeToString([]byte(value)),
		hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value))),
	}
	var b bytes.Buffer
	for _, html := range [...]bool{true, false} {
		b.Reset()
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(html)
		if encoder.Encode(value) == nil {
			out = append(out, strings.Trim(strings.TrimSpace(b.String()), `"`))
		}
	}
	return out
}

// clean returns text without secrets; text itself where there is none in it.
func (s *scrubber) clean(text []byte) []byte {
	forms := s.forms.Load()
	if forms == nil {
		return text
	}
	for _, form := range *forms {
		if bytes.Contains(text, form) {
			text = bytes.ReplaceAll(text, form, []byte("[redacted]"))
		}
	}
	return text
}

// cleanWriter scrubs every record on its way.
type cleanWriter struct {
	to    io.Writer
	scrub *scrubber
}

// Write passes one record on.
func (w *cleanWriter) Write(record []byte) (int, error) {
	if _, err := w.to.Write(w.scrub.clean(record)); err != nil {
		return 0, err
	}
	return len(record), nil
}
