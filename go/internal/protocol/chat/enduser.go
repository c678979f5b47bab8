package chat

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

// maxEndUser is how long the vendor's id of an end user may be, in bytes.
const maxEndUser = 64

// endUser returns an id of the end user that fits. A longer one, or JSON that
// may hold more than an id, is hashed, so it stays the same from call to call.
func endUser(id string) string {
	if len(id) <= maxEndUser && !strings.HasPrefix(id, "{") {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// textKey appends the name of the next member, whatever it holds.
func textKey(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(jsonscan.AppendString(b, name), ':')
}

func textMember(b []byte, name, value string) []byte {
	return jsonscan.AppendString(textKey(b, name), value)
}

// withoutUsage appends the members of a stream_options object other than the
// one that the encoder sets itself.
func withoutUsage(b, options []byte) []byte {
	it := jsonscan.Members(options)
	for it.Next() {
		if string(it.Key()) != "include_usage" {
			b = append(textKey(b, string(it.Key())), it.Value()...)
		}
	}
	return b
}
