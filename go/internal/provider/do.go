package provider

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/provider/h1"
)

// anthropicVersion is sent where the client names none.
const anthropicVersion = "2023-06-01"

// maxRedirects bounds the redirects within one origin.
const maxRedirects = 3

// travels lists the headers of a client that a protocol's upstream may see.
// None of them is a credential; all else is left out.
func travels(name llm.Protocol, native bool) []string {
	switch {
	case name == llm.Messages:
		return messagesTravel[:]
	case native:
		return nativeTravel[:]
	}
	return nil
}

// The headers that travel. Those for OpenAI itself say which conversation of
// which program this is; other vendors have no use for that.
var (
	messagesTravel = [...]string{"Anthropic-Version", "Anthropic-Beta"}
	nativeTravel   = [...]string{
		"Openai-Beta", "Idempotency-Key", "X-Client-Request-Id", "Originator",
		"Session_id", "Session-Id", "Conversation_id", "Thread-Id",
		"X-Codex-Turn-Metadata", "X-Codex-Window-Id", "X-Codex-Beta-Features",
	}
)

// Do sends req and returns the answer as it comes.
func (p *HTTP) Do(ctx context.Context, req *Request) (*http.Response, error) {
	if p.lacks != nil {
		return nil, p.lack()
	}
	e := p.endpoints[place{req.Operation, req.Protocol}]
	if e == nil {
		return nil, llm.Errorf(llm.Internal, "The provider %s cannot do %s in %s.", p.name, req.Operation, req.Protocol)
	}
	header, wait := e.header, e.headerTimeout
	if req.Stream {
		header, wait = e.stream, e.streamTimeout
	}
	at := e.url
	if req.Path != "" || req.Query != "" && (req.Protocol == llm.Messages || req.Protocol == llm.Plain) {
		with := *at
		with.Path += req.Path
		with.RawQuery = req.Query
		at = &with
	}
	if req.Protocol == llm.Gemini {
		at = withModel(at, req)
	}
	header = outgoing(header, req.Header, travels(req.Protocol, p.preset.Native))
	if req.Protocol == llm.Plain {
		header = plainHeader(header, req)
	}
	return p.send(ctx, cmp.Or(req.Method, http.MethodPost), at, header, req, wait)
}

// plainHeader says what the body is, if there is one, and takes any answer.
func plainHeader(h http.Header, req *Request) http.Header {
	h = maps.Clone(h)
	switch {
	case len(req.Body) == 0:
		delete(h, "Content-Type")
	case req.MIME != "":
		h["Content-Type"] = []string{req.MIME}
	}
	h["Accept"] = []string{"*/*"}
	return h
}

// outgoing adds the headers that travel to the fixed ones.
func outgoing(fixed, from http.Header, names []string) http.Header {
	h, copied := fixed, false
	for _, name := range names {
		v := from[name]
		if len(v) == 0 || slices.ContainsFunc(v, func(s string) bool { return !validHeader(s) }) {
			continue
		}
		if !copied {
			h, copied = maps.Clone(fixed), true
		}
		h[name] = v
	}
	return h
}

// send makes one exchange, redirects within the origin included.
func (p *HTTP) send(
	ctx context.Context, method string, at *url.URL, header http.Header, req *Request, wait time.Duration,
) (*http.Response, error) {
	blank := http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	for range maxRedirects {
		out := blank.WithContext(ctx)
		out.Method, out.URL, out.Host, out.Header = method, at, at.Host, header
		if method != http.MethodGet {
			body := h1.NewBody(req.Body)
			body.HeaderTimeout = wait
			out.Body, out.ContentLength = body, body.Len()
		}
		resp, err := p.client.RoundTrip(out)
		if err != nil {
			return nil, p.unreachable(ctx, err)
		}
		if resp.StatusCode/100 != 3 {
			return p.receive(resp)
		}
		next, err := p.redirect(resp, at)
		if err != nil {
			return nil, err
		}
		at = next
	}
	return nil, p.bad("The upstream %s redirects in a circle: check %s.", p.name, p.addressHint())
}

// redirect decides on an answer that points elsewhere. To another origin a
// request never goes: the key is not for it. A method is never changed either.
func (p *HTTP) redirect(resp *http.Response, from *url.URL) (*url.URL, error) {
	_ = resp.Body.Close() // nothing in it is of use
	to, err := from.Parse(resp.Header.Get("Location"))
	same := err == nil && origin(to) == origin(from) && to.User == nil
	keeps := resp.StatusCode == http.StatusTemporaryRedirect || resp.StatusCode == http.StatusPermanentRedirect
	if same && (keeps || resp.Request.Method == http.MethodGet) && resp.Header.Get("Location") != "" {
		return to, nil
	}
	where := "elsewhere"
	if err == nil && to.Host != "" && !same {
		where = "to " + origin(to)
	}
	return nil, p.bad("The upstream %s redirects %s (status %d), which is not followed: check %s.",
		p.name, where, resp.StatusCode, p.addressHint())
}
