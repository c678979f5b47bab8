package provider

import (
	"net/http"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

// Auth is how a request shows its key.
type Auth string

// The ways to show a key.
const (
	Bearer  Auth = "bearer"         // authorization: Bearer …
	XAPIKey Auth = "x-api-key"      // Anthropic
	XGoog   Auth = "x-goog-api-key" // Google
	APIKey  Auth = "api-key"        // Azure
	NoAuth  Auth = "none"
)

// minSecret is the length below which a key is a mere word, such as none or
// ollama, which people set where no key is needed.
const minSecret = 12

// secrets lists the credentials among the settings.
func secrets(s Settings) []secret.Secret {
	var all []secret.Secret
	add := func(v secret.Secret) {
		if len(v.Reveal()) >= minSecret {
			all = append(all, v)
		}
	}
	add(s.Key)
	for name, v := range s.Headers {
		switch http.CanonicalHeaderKey(name) {
		case "Authorization", "Proxy-Authorization", "X-Api-Key", "X-Goog-Api-Key", "Api-Key", "Cookie":
			_, bare, found := strings.Cut(v.Reveal(), " ") // behind the scheme
			if !found {
				bare = v.Reveal()
			}
			add(secret.New(bare))
		}
	}
	return all
}

func (a Auth) known() bool {
	switch a {
	case Bearer, XAPIKey, XGoog, APIKey, NoAuth:
		return true
	}
	return false
}

// sign adds the key to a header.
func (a Auth) sign(h http.Header, key secret.Secret) {
	if key.Empty() {
		return
	}
	switch a {
	case Bearer:
		h.Set("Authorization", "Bearer "+key.Reveal())
	case XAPIKey:
		h.Set("X-Api-Key", key.Reveal())
	case XGoog:
		h.Set("X-Goog-Api-Key", key.Reveal())
	case APIKey:
		h.Set("Api-Key", key.Reveal())
	case NoAuth:
	}
}
