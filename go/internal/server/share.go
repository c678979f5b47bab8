package server

import "net/http"

// share tells a browser that a page of an allowed origin may read the answer,
// and reports whether that is all that was asked (a preflight). Where no
// origin is checked none is invited: keys are then all that keeps pages out.
//
// Source: WHATWG Fetch, section 3.3 "CORS protocol".
func (a *Access) share(h http.Header, r *http.Request) (preflight bool) {
	origin := r.Header.Get("Origin")
	if origin == "" || !a.CheckHosts {
		return false
	}
	h["Access-Control-Allow-Origin"] = []string{origin}
	h["Access-Control-Expose-Headers"] = []string{"x-request-id, request-id, retry-after, x-tokligence-route, x-tokligence-loss"}
	h.Add("Vary", "Origin")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h["Access-Control-Allow-Methods"] = []string{"GET, HEAD, POST, DELETE"}
	h["Access-Control-Max-Age"] = []string{"600"}
	if wanted := r.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		h["Access-Control-Allow-Headers"] = []string{wanted}
	}
	return true
}
