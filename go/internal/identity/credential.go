package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

const (
	keyPrefix  = "tok_"
	keyDigits  = 43 // 256 bits in base 62
	shownChars = 8
)

// Digest is the SHA-256 of a credential: all that is kept of it.
type Digest [sha256.Size]byte

// DigestOf returns the digest of a credential.
func DigestOf(credential string) Digest {
	var usual [64]byte // one a request: without it the text would go to the heap
	return sha256.Sum256(append(usual[:0], credential...))
}

// mint returns a new key of 256 random bits. Base 62 keeps it one word for
// double clicks, shells and URLs.
func mint() secret.Secret {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	digits := new(big.Int).SetBytes(raw[:]).Text(62)
	return secret.New(keyPrefix + strings.Repeat("0", keyDigits-len(digits)) + digits)
}

// shownPart returns the few characters of a key by which people tell keys
// apart. The rest is out of reach: 208 bits and more stay unknown.
func shownPart(key secret.Secret) string {
	return key.Reveal()[len(keyPrefix) : len(keyPrefix)+shownChars]
}
