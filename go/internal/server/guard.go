package server

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// Access says which hosts and origins may be named by a request. A page in a
// browser can reach loopback addresses; what gives it away is the name it was
// led here by and the origin it comes from.
type Access struct {
	CheckHosts bool     // refuse hosts that are neither loopback nor allowed
	Hosts      []string // further names of this gateway; "*" allows all, pages without an origin too
}

// misdirected is the refusal of a host. Its status is its own: no protocol has
// a word for it.
type misdirected struct{ words *llm.Error }

func (m *misdirected) Error() string { return m.words.Error() }

// HTTPStatus implements what a door asks of errors with a status of their own.
func (*misdirected) HTTPStatus() int { return http.StatusMisdirectedRequest }

// Unwrap gives the error in the words of a protocol.
func (m *misdirected) Unwrap() error { return m.words }

// guard is the middleware: an id, a way out of panics, and the host and origin
// checks. One function, since each layer costs every request.
func (s *Server) guard(next http.Handler, o Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := requestID()
		h := w.Header()
		h["X-Request-Id"] = []string{id}
		if speaksAnthropic(r) {
			h["Request-Id"] = []string{id}
		}
		defer recovered(w, r, o, id)
		access := s.access.Load()
		if err := access.check(r); err != nil {
			o.Door.Refuse(w, r, err)
			return
		}
		if access.share(h, r) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func requestID() string {
	id, err := uuid.NewV7()
	if err != nil { // no randomness: nothing is safe any more
		panic(fmt.Errorf("making a request id: %w", err))
	}
	return id.String()
}

func speaksAnthropic(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/anthropic") || strings.HasPrefix(r.URL.Path, "/v1/messages") ||
		r.Header.Get("Anthropic-Version") != ""
}

// recovered turns a panic into an error answer, or cuts the answer that has
// begun, so that it cannot be taken for a whole one.
func recovered(w http.ResponseWriter, r *http.Request, o Options, id string) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && err == http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is thrown
		panic(v)
	}
	o.Log.Error("panic", slog.String("request_id", id), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
	if w.Header().Get("Content-Type") != "" {
		panic(http.ErrAbortHandler)
	}
	o.Door.Refuse(w, r, llm.Errorf(llm.Internal, "Internal error in the gateway; see its log for request %s.", id))
}

// check refuses requests that a foreign page made a browser send.
func (a *Access) check(r *http.Request) error {
	if !a.CheckHosts || slices.Contains(a.Hosts, "*") {
		return nil
	}
	if !a.allows(r.Host) {
		return &misdirected{&llm.Error{
			Kind: llm.Forbidden, Code: "host_not_allowed", Message: fmt.Sprintf("The host %q is not known to this gateway. "+
				"Call it by a loopback address, or add the name to TOKLIGENCE_ALLOWED_HOSTS.", r.Host),
		}}
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || !a.allows(u.Host) {
		return &llm.Error{Kind: llm.Forbidden, Code: "origin_not_allowed", Message: fmt.Sprintf(
			"The origin %q may not call this gateway. Add its host to TOKLIGENCE_ALLOWED_HOSTS to allow it.", origin)}
	}
	return nil
}

func (a *Access) allows(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return true
	}
	return slices.ContainsFunc(a.Hosts, func(allowed string) bool {
		return strings.EqualFold(allowed, host) || strings.EqualFold(allowed, hostport)
	})
}
