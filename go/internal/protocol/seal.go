package protocol

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync/atomic"
)

// Sealer wraps what an upstream signed or encrypted so that it can travel
// through a client of another protocol and come back to that upstream only.
//
// A seal has an origin. The name of a protocol (such as
// "anthropic-messages") is the origin of a seal that a client holds in its
// protocol's own form; "provider/family" is the origin of one that came
// wrapped. An encoder sends a seal on when its origin is the target's Origin,
// or the name of the encoder's own protocol; otherwise it drops the block.
type Sealer struct{ key atomic.Pointer[[]byte] }

// NewSealer returns a sealer with the installation's key, at least 32 bytes.
func NewSealer(key []byte) *Sealer {
	s := new(Sealer)
	s.SetKey(key)
	return s
}

// SetKey replaces the key; what was wrapped before is none of ours any more.
func (s *Sealer) SetKey(key []byte) { s.key.Store(&key) }

const envelopePrefix = "gw1."

// Envelope is what travels.
type Envelope struct {
	Origin string `json:"p"`
	Kind   string `json:"k,omitempty"` // what the seal is, if its protocol has several
	ItemID string `json:"i,omitempty"`
	Seal   string `json:"s,omitempty"`
	Text   string `json:"t,omitempty"` // thought text that the client's protocol cannot hold
}

// Wrap returns the envelope as text of letters, digits, "-", "_" and ".".
func (s *Sealer) Wrap(e Envelope) string {
	raw, err := json.Marshal(e)
	if err != nil {
		return "" // an Envelope holds only strings
	}
	body := base64.RawURLEncoding.EncodeToString(raw)
	return envelopePrefix + body + "." + base64.RawURLEncoding.EncodeToString(s.mac(body))
}

// Wrapped reports whether text claims to be an envelope.
func Wrapped(text string) bool { return strings.HasPrefix(text, envelopePrefix) }

// Unwrap returns the envelope, or false if text is none of this
// installation's.
func (s *Sealer) Unwrap(text string) (Envelope, bool) {
	var e Envelope
	body, sum, ok := strings.Cut(strings.TrimPrefix(text, envelopePrefix), ".")
	if !ok || !Wrapped(text) {
		return e, false
	}
	mac, err := base64.RawURLEncoding.DecodeString(sum)
	if err != nil || !hmac.Equal(mac, s.mac(body)) {
		return e, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || json.Unmarshal(raw, &e) != nil {
		return e, false
	}
	return e, true
}

func (s *Sealer) mac(body string) []byte {
	h := hmac.New(sha256.New, *s.key.Load())
	h.Write([]byte(body))
	return h.Sum(nil)[:16]
}
