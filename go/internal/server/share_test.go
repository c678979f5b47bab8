package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestPagesOfAllowedOriginsMayRead holds what a browser needs to let a page
// see an answer, and that nobody else is invited.
func TestPagesOfAllowedOriginsMayRead(t *testing.T) {
	for name, c := range map[string]struct {
		access    Access
		method    string
		header    map[string]string
		preflight bool
		origin    string // that may read
	}{
		"allowed": {
			Access{CheckHosts: true, Hosts: []string{"app.lan"}},
			http.MethodPost,
			map[string]string{"Origin": "https://app.lan"},
			false, "https://app.lan",
		},
		"preflight": {
			Access{CheckHosts: true, Hosts: []string{"app.lan"}},
			http.MethodOptions,
			map[string]string{
				"Origin": "https://app.lan", "Access-Control-Request-Method": "POST",
				"Access-Control-Request-Headers": "authorization,content-type",
			},
			true, "https://app.lan",
		},
		"no origin":         {Access{CheckHosts: true}, http.MethodPost, nil, false, ""},
		"nothing checked":   {Access{}, http.MethodPost, map[string]string{"Origin": "https://evil.example"}, false, ""},
		"options, no probe": {Access{CheckHosts: true}, http.MethodOptions, map[string]string{"Origin": "http://localhost"}, false, "http://localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "/v1/models", nil)
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			h := http.Header{}
			if got := c.access.share(h, r); got != c.preflight {
				t.Errorf("preflight %v", got)
			}
			if got := h.Get("Access-Control-Allow-Origin"); got != c.origin {
				t.Errorf("origin %q", got)
			}
			if c.preflight && h.Get("Access-Control-Allow-Headers") != "authorization,content-type" {
				t.Errorf("headers %q", h.Get("Access-Control-Allow-Headers"))
			}
			if h.Get("Access-Control-Allow-Credentials") != "" {
				t.Error("cookies are not asked for")
			}
		})
	}
}
