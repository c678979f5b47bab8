package gemini

import (
	"encoding/base64"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Kinds of envelope that travel in signatures.
const (
	sealRedacted = "redacted" // a thought without words
	sealRaw      = "raw"      // the model's own words
	sealOfCall   = "call"
)

// skipSignature is what the vendor takes for the signature of a call that
// another model made.
const skipSignature = "skip_thought_signature_validator"

// envelopeMark is how a string begins that holds one of our envelopes. A
// signature is bytes to the vendor's clients: it must be base64.
const envelopeMark = "Z3cxL"

// wrap returns the signature that carries an envelope.
func wrap(s *protocol.Sealer, e protocol.Envelope) string {
	return base64.StdEncoding.EncodeToString([]byte(s.Wrap(e)))
}

// unwrap opens the envelope in a signature. Wrapped tells that there is one,
// ok that it is of this installation. Clients change the alphabet and leave
// out the padding.
func unwrap(s *protocol.Sealer, signature string) (e protocol.Envelope, wrapped, ok bool) {
	if !strings.HasPrefix(signature, envelopeMark) {
		return e, false, false
	}
	plain := strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(signature)
	text, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil || !protocol.Wrapped(string(text)) {
		return e, err == nil && protocol.Wrapped(string(text)), false
	}
	e, ok = s.Unwrap(string(text))
	return e, true, ok
}
