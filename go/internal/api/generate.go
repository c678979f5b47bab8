package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
	"github.com/tokligence/tokligence-gateway/go/internal/tokens"
)

// serve handles every call that goes to an upstream, whatever the protocol.
func (d *Door) serve(name llm.Protocol, op llm.Operation) gin.HandlerFunc {
	codec := d.codecs[name]
	return func(c *gin.Context) { d.serveIn(c, codec, op, asked{}) }
}

// asked is what a path says of a call, where the protocol puts it there.
type asked struct {
	model  string
	stream bool
	array  bool // the stream is to be one JSON array
	batch  bool // of inputs to embed
}

func (d *Door) serveIn(c *gin.Context, codec protocol.Codec, op llm.Operation, path asked) {
	body := d.newBody()
	defer body.release()
	call, err := d.admit(c, codec, op, path, body)
	asked := call.Body
	if err == nil {
		err = d.converse(c.Request.Context(), call, body)
	}
	switch {
	case err != nil:
	case call.Head.Background && call.Head.Kept:
		err = d.inBackground(c, call, asked, body)
	default:
		err = d.proxy.Serve(c.Request.Context(), c.Writer, call)
	}
	if err != nil {
		d.refuse(c.Writer, codec, call.Head, err)
	}
}

// admit reads, authenticates and looks at a request. The call it returns is
// good for an error answer even when err is not nil.
func (d *Door) admit(c *gin.Context, codec protocol.Codec, op llm.Operation, path asked, body *body) (*proxy.Call, error) {
	call := &proxy.Call{
		ID: RequestID(c.Writer), Codec: codec, Started: time.Now(),
		Head: protocol.Head{Operation: op, RequestID: RequestID(c.Writer)},
	}
	who, err := d.principal(c.Request)
	if err != nil {
		return call, err
	}
	call.Principal = who
	text, err := body.read(c.Writer, c.Request)
	if err != nil {
		return call, err
	}
	head, err := peek(codec, op, c.Request, text)
	head.Operation, head.RequestID = op, call.ID
	if path.model != "" {
		head.Model, head.Stream, head.Array, head.Batch = path.model, path.stream, path.array, path.batch
	}
	call.Head = head
	if err != nil {
		return call, err
	}
	if head.Model == "" {
		err := llm.InvalidField("model", "You must provide a model parameter.")
		err.Code = "missing_required_parameter"
		return call, err
	}
	if call.Head.SessionID == "" {
		call.Head.SessionID = session(c.Request.Header)
	}
	if op.Textual() || op == llm.CountTokens {
		call.Head.EstimatedInput = int64(len(text)+3) / 4
	}
	if head.Boundary != "" {
		call.MIME = formMIME(head.Boundary)
	}
	call.Estimate = tokens.EstimateRequest
	call.Body, call.Header, call.Query = text, travelling(c.Request.Header), travellingQuery(c.Request)
	return call, nil
}

// principal returns who sent a request and may call models.
func (d *Door) principal(r *http.Request) (identity.Principal, error) {
	who, err := d.auth.Authenticate(credential(r))
	if err == nil && !who.Has(identity.ScopeInference) {
		err = llm.Errorf(llm.Forbidden, "The role %q may not call models.", who.Role)
	}
	return who, err
}

// credential returns the client's key. The ways to send one are one
// credential; where several are sent, a key of ours wins.
func credential(r *http.Request) string {
	bearer := r.Header.Get("Authorization")
	if scheme, rest, ok := strings.Cut(bearer, " "); ok && strings.EqualFold(scheme, "bearer") {
		bearer = strings.TrimSpace(rest)
	}
	sent := [...]string{
		bearer, keyOf(r), r.Header.Get("X-Api-Key"), r.Header.Get("X-Goog-Api-Key"), r.Header.Get("Api-Key"),
	}
	first := ""
	for _, key := range sent {
		if strings.HasPrefix(key, "tok_") {
			return key
		}
		if first == "" {
			first = key
		}
	}
	return first
}

// keyOf returns the key in the query, which only paths of Google's protocol
// may have there. It goes no further: of a query nothing is logged, and to an
// upstream only what travellingQuery knows.
func keyOf(r *http.Request) string {
	if r.URL.RawQuery == "" || family(r) != llm.Gemini {
		return ""
	}
	return r.URL.Query().Get("key")
}

// session returns the conversation a client names in its headers.
func session(h http.Header) string {
	for _, name := range [...]string{"X-Claude-Code-Session-Id", "Session_id", "Session-Id", "Conversation_id"} {
		if v := h[name]; len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// mayTravel are the request headers that mean something to an upstream. None
// of them is a credential.
var mayTravel = []string{
	"Anthropic-Version", "Anthropic-Beta", "Openai-Beta", "Idempotency-Key", "X-Client-Request-Id",
	"Originator", "Session_id", "Session-Id", "Conversation_id", "Thread-Id",
	"X-Codex-Turn-Metadata", "X-Codex-Window-Id", "X-Codex-Beta-Features", "X-Tokligence-Loopback",
}

func travelling(h http.Header) http.Header {
	out := make(http.Header, 4)
	for _, name := range mayTravel {
		if v := h[name]; len(v) > 0 {
			out[name] = v
		}
	}
	return out
}

// travellingQuery returns the one query parameter that vendors know.
func travellingQuery(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return ""
	}
	if slices.Contains(strings.Split(r.URL.RawQuery, "&"), "beta=true") {
		return "beta=true"
	}
	return ""
}
