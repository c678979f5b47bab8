package protocol

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"strconv"
	"strings"
)

// CallID returns the id of a tool call in a form every protocol takes:
// 1 to 64 letters, digits, "_" and "-". An id that fits is returned as it is;
// another one is mapped so that any process maps it to the same.
func CallID(id string) string {
	if fits(id, 64) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "call_" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:15]))
}

// InventCallID names the nth call of an answer whose server gives calls no ids.
// It must not come again in the conversation: the seed is the id of the answer,
// or is random if that has none either.
func InventCallID(answer string, n int) string {
	if answer == "" {
		answer = rand.Text()
	}
	return CallID("/" + answer + "/" + strconv.Itoa(n))
}

// ShortCallID returns exactly nine letters or digits, as Mistral wants them.
func ShortCallID(id string) string {
	if len(id) == 9 && fits(id, 9) && !strings.ContainsAny(id, "_-") {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:6]))[:9]
}

// ToolName returns a tool name of at most 64 letters, digits, "_" and "-".
// Names that do not fit are cut and get a hash, so they stay apart.
func ToolName(name string) string {
	if fits(name, 64) {
		return name
	}
	clean := []byte(name)
	for i, c := range clean {
		if !wordByte(c) {
			clean[i] = '_'
		}
	}
	sum := sha256.Sum256([]byte(name))
	return string(clean[:min(len(clean), 55)]) + "_" + hex.EncodeToString(sum[:4])
}

func fits(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		if !wordByte(s[i]) {
			return false
		}
	}
	return true
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
