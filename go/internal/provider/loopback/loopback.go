// Package loopback is a provider that answers by itself, without a network or
// a key: it echoes, calls tools and, told to, plays the faults of real
// upstreams. It speaks every protocol it is given a codec for, by way of
// events. It must not know who asks, how the call got here, or what it costs.
package loopback

import (
	"bytes"
	"context"
	"encoding/hex"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
)

// Name is the name of the provider and of its one model.
const Name = "loopback"

// Header is the request header that may hold words besides the model name.
const Header = "X-Tokligence-Loopback"

// Options are what a Provider may be given.
type Options struct {
	// Count says how many tokens a prompt is. Nil: a quarter of the bytes of
	// its text, as for answers.
	Count func(*llm.Request) int64
	Now   func() time.Time // nil: time.Now
}

// Provider is the loopback. It is safe for concurrent use.
type Provider struct {
	codecs map[llm.Protocol]protocol.Codec
	speaks []llm.Protocol
	count  func(*llm.Request) int64
	now    func() time.Time
}

// New returns a provider that speaks the protocols of the codecs.
func New(codecs map[llm.Protocol]protocol.Codec, o Options) *Provider {
	p := &Provider{codecs: codecs, count: o.Count, now: o.Now}
	if p.count == nil {
		p.count = quarter
	}
	if p.now == nil {
		p.now = time.Now
	}
	for _, name := range []llm.Protocol{llm.Chat, llm.Messages, llm.Responses, llm.Gemini} {
		if codecs[name] != nil {
			p.speaks = append(p.speaks, name)
		}
	}
	return p
}

// Name returns Name.
func (p *Provider) Name() string { return Name }

// Speaks lists every protocol for answers, Chat for embeddings, Messages and
// Gemini for counting, and Plain for what it can make up besides.
func (p *Provider) Speaks(op llm.Operation) []llm.Protocol {
	switch op {
	case llm.Generate:
		return p.speaks
	case llm.Embed:
		return p.only(llm.Chat)
	case llm.CountTokens:
		return append(p.only(llm.Messages), p.only(llm.Gemini)...)
	case llm.Complete, llm.Moderate:
		return p.only(llm.Plain)
	default:
		return nil
	}
}

func (p *Provider) only(name llm.Protocol) []llm.Protocol {
	if p.codecs[name] == nil {
		return nil
	}
	return []llm.Protocol{name}
}

// Models lists the one model.
func (p *Provider) Models(context.Context) ([]provider.ModelInfo, error) {
	return []provider.ModelInfo{{ID: Name, DisplayName: "Loopback (built in)"}}, nil
}

// Do answers req. What is wrong with the request is an answer too, in the
// words of its protocol.
func (p *Provider) Do(ctx context.Context, req *provider.Request) (*http.Response, error) {
	codec := p.codecs[req.Protocol]
	if codec == nil {
		return nil, llm.Errorf(llm.Invalid, "The loopback does not speak %s.", req.Protocol)
	}
	c := call{provider: p, ctx: ctx, codec: codec, body: join(req.Body)}
	var err error
	c.head, err = codec.Peek(req.Operation, c.body)
	c.head.RequestID = "req_" + randomID()
	if err != nil {
		return c.refuse(llm.AsError(err), 0), nil
	}
	c.head.Operation, c.head.Stream, c.head.Model = req.Operation, req.Stream, req.Model
	if c.words, err = parseWords(req.Model, req.Header.Values(Header)); err != nil {
		return c.refuse(llm.AsError(err), 0), nil
	}
	if c.words.status != 0 {
		if err := wait(ctx, nil, c.words.stall); err != nil {
			return nil, llm.AsError(err)
		}
		return c.refuse(c.words.failure(), c.words.status), nil
	}
	switch req.Operation {
	case llm.Embed:
		return c.embed(), nil
	case llm.CountTokens:
		return c.countTokens(), nil
	case llm.Complete:
		return c.complete(), nil
	case llm.Moderate:
		return c.moderate(), nil
	default:
		return c.generate()
	}
}

func join(parts net.Buffers) []byte {
	if len(parts) == 1 {
		return parts[0]
	}
	return bytes.Join(parts, nil)
}

// call is one request at work.
type call struct {
	provider *Provider
	ctx      context.Context // of the answer, which is read after Do has returned
	codec    protocol.Codec
	head     protocol.Head
	body     []byte
	words    words
}

// generate starts an answer.
func (c *call) generate() (*http.Response, error) {
	req, err := c.codec.DecodeRequest(c.body)
	if err != nil {
		return c.refuse(llm.AsError(err), 0), nil
	}
	s := &script{call: c, req: req, input: c.provider.count(req)}
	if failure := s.write(); failure != nil && !c.head.Stream {
		if err := wait(c.ctx, nil, c.words.stall); err != nil {
			return nil, llm.AsError(err)
		}
		return c.refuse(failure, 0), nil
	}
	c.head.EstimatedInput = s.input
	kind := "application/json"
	if c.head.Stream {
		kind = "text/event-stream"
	}
	return c.respond(http.StatusOK, kind, newBody(c.ctx, c.codec.NewWriter(c.head), s.beats), -1), nil
}

// counter is a codec with a form for counts.
type counter interface{ EncodeCount(n int64) []byte }

func (c *call) countTokens() *http.Response {
	req, err := c.codec.DecodeRequest(c.body)
	if err != nil {
		return c.refuse(llm.AsError(err), 0)
	}
	n := c.provider.count(req)
	if c.words.usage == "wrong" {
		n *= wrongBy
	}
	if form, ok := c.codec.(counter); ok {
		return c.whole(form.EncodeCount(n))
	}
	return c.whole(append(strconv.AppendInt([]byte(`{"input_tokens":`), n, 10), '}'))
}

// whole answers with a body that is there already.
func (c *call) whole(body []byte) *http.Response {
	return c.respond(http.StatusOK, "application/json", newWhole(c.ctx, body, &c.words), int64(len(body)))
}

// refuse answers with an error, under another status than its own if one is
// given.
func (c *call) refuse(err *llm.Error, status int) *http.Response {
	own, header, body := c.codec.EncodeError(err, c.head)
	if status == 0 {
		status = own
	}
	resp := c.respond(status, "application/json", newWhole(c.ctx, body, nil), int64(len(body)))
	for name, values := range header {
		resp.Header[name] = values
	}
	return resp
}

func (c *call) respond(status int, contentType string, body *body, length int64) *http.Response {
	return &http.Response{
		Status:     strconv.Itoa(status) + " " + http.StatusText(status),
		StatusCode: status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Content-Type": {contentType},
			"X-Request-Id": {c.head.RequestID},
		},
		Body:          body,
		ContentLength: length,
	}
}

func randomID() string {
	var b [8]byte
	for i, n := 0, rand.Uint64(); i < len(b); i, n = i+1, n>>8 {
		b[i] = byte(n)
	}
	return hex.EncodeToString(b[:])
}
