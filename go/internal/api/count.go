package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
	"github.com/tokligence/tokligence-gateway/go/internal/tokens"
)

// tokenized is a provider that knows the published tokenizers of its models.
type tokenized interface{ Tokenizer(model string) string }

// countTokens forwards to an upstream that counts, and counts or estimates
// otherwise.
func (d *Door) countTokens(c *gin.Context) { d.countIn(c, d.codecs[llm.Messages], asked{}) }

// countInput does the same for OpenAI's path.
func (d *Door) countInput(c *gin.Context) { d.countIn(c, d.codecs[llm.Responses], asked{}) }

func (d *Door) countIn(c *gin.Context, codec protocol.Codec, path asked) {
	body := d.newBody()
	defer body.release()
	call, err := d.admit(c, codec, llm.CountTokens, path, body)
	if err == nil {
		err = d.converse(c.Request.Context(), call, body)
	}
	if err == nil {
		err = d.count(c, call)
	}
	if err != nil {
		d.refuse(c.Writer, codec, call.Head, err)
	}
}

// cannotCount reports whether an upstream has no such path, as many servers
// that speak the protocol otherwise, or does not understand what was
// translated for it.
func cannotCount(err error, translated bool) bool {
	if err == nil {
		return false
	}
	e := llm.AsError(err)
	if e.Upstream == nil {
		return translated && e.Kind == llm.Invalid
	}
	switch e.Upstream.Status {
	case http.StatusOK: // and no count in it: a server that answers every path
		return translated && e.Kind == llm.BadUpstream
	case http.StatusNotFound:
		return e.Kind != llm.ModelNotFound || translated
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return e.Kind != llm.ModelNotFound
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return translated
	}
	return false
}

func (d *Door) count(c *gin.Context, call *proxy.Call) error {
	ctx := c.Request.Context()
	query := route.Query{
		Principal: call.Principal, Protocol: call.Codec.Name(), Operation: llm.CountTokens,
		Model: call.Head.Model, SessionID: call.Head.SessionID, Pin: call.Pin,
	}
	plan, err := d.router.Plan(ctx, query)
	if err == nil && d.counts(plan[0].Protocol) {
		err = d.proxy.Serve(ctx, c.Writer, call)
		if !cannotCount(err, plan[0].Protocol != query.Protocol) {
			return err
		}
	}
	// No upstream counts for this model. It must still be one that answers.
	query.Operation = llm.Generate
	if plan, err = d.router.Plan(ctx, query); err != nil {
		return err
	}
	req, err := call.Request()
	if err != nil {
		return err
	}
	tokenizer := ""
	if p, ok := plan[0].Provider.(tokenized); ok {
		tokenizer = p.Tokenizer(plan[0].Target.Model)
	}
	n, exact, err := d.countHere(ctx, req, tokenizer)
	if err != nil {
		return err
	}
	reason := "estimated"
	if exact {
		reason = "counted with " + tokenizer
	}
	c.Writer.Header().Set("X-Tokligence-Loss",
		llm.Finding{Class: llm.Approximated, Field: "input_tokens", Reason: reason}.String())
	send(c.Writer, http.StatusOK, call.Codec.(protocol.Counter).EncodeCount(n))
	return nil
}

// countHere counts when there is a core for it.
func (d *Door) countHere(ctx context.Context, req *llm.Request, tokenizer string) (n int64, exact bool, err error) {
	select {
	case d.counting <- struct{}{}:
		defer func() { <-d.counting }()
	case <-ctx.Done():
		return 0, false, ctx.Err()
	}
	n, exact = tokens.CountRequest(req, tokenizer)
	return n, exact, nil
}

// counts reports whether a protocol has a question for counts.
func (d *Door) counts(name llm.Protocol) bool {
	_, ok := d.codecs[name].(protocol.Counter)
	return ok
}
