package provider

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

// Where a host name may lead. The check is made on the address that is
// connected to, so a name that changes its mind gains nothing.
func TestGuard(t *testing.T) {
	tests := []struct {
		name    string
		s       Settings
		address string
		allowed bool
	}{
		{"vendor, public", Settings{}, "203.0.113.7:443", true},
		{"vendor, public IPv6", Settings{}, "[2001:db8::1]:443", true},
		{"vendor, loopback", Settings{}, "127.0.0.1:443", false},
		{"vendor, loopback IPv6", Settings{}, "[::1]:443", false},
		{"vendor, mapped loopback", Settings{}, "[::ffff:127.0.0.1]:443", false},
		{"vendor, private", Settings{}, "10.1.2.3:443", false},
		{"vendor, unique local", Settings{}, "[fd00::1]:443", false},
		{"vendor, metadata", Settings{}, "169.254.169.254:80", false},
		{"vendor, allowed", Settings{AllowPrivate: true}, "10.1.2.3:443", true},
		{"vendor, allowed, metadata", Settings{AllowPrivate: true}, "169.254.169.254:80", false},
		{"own name, private", Settings{BaseURL: "http://llm.corp.test"}, "10.1.2.3:80", true},
		{"own name, metadata", Settings{BaseURL: "http://llm.corp.test"}, "169.254.169.254:80", false},
		{"own name, mapped metadata", Settings{BaseURL: "http://llm.corp.test"}, "[::ffff:169.254.169.254]:80", false},
		{"own name, unspecified", Settings{BaseURL: "http://llm.corp.test"}, "0.0.0.0:80", false},
		{"own name, link local IPv6", Settings{BaseURL: "http://llm.corp.test"}, "[fe80::1%eth0]:80", false},
		{"own address, unspecified", Settings{BaseURL: "http://0.0.0.0:8000"}, "0.0.0.0:8000", true},
		{"own address, link local", Settings{BaseURL: "http://169.254.1.1"}, "169.254.1.1:80", true},
		{"nonsense", Settings{}, "somewhere", false},
	}
	for _, tt := range tests {
		if err := guard(tt.s)("tcp", tt.address, nil); (err == nil) != tt.allowed {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestProxy(t *testing.T) {
	var seen *http.Request
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		fmt.Fprint(w, "{}")
	}))
	t.Cleanup(proxy.Close)
	p := made(t, Settings{
		Preset: "openai", BaseURL: "http://upstream.test",
		Proxy: secret.New(strings.Replace(proxy.URL, "http://", "http://user:pass@", 1)),
	})
	if _, _, body := call(t, p, generate(llm.Chat)); body != "{}" {
		t.Errorf("%q", body)
	}
	if seen.RequestURI != "http://upstream.test/v1/chat/completions" || seen.Header.Get("Proxy-Authorization") == "" {
		t.Errorf("%s %v", seen.RequestURI, seen.Header)
	}
}

func TestHTTP2(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	p := made(t, Settings{Preset: "openai", BaseURL: srv.URL, HTTP2: true})
	p.client.(*patient).transport.TLSClientConfig.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if _, _, body := call(t, p, generate(llm.Chat)); body != "HTTP/2.0" {
		t.Errorf("%q", body)
	}
}
