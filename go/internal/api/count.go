package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
	"github.com/tokligence/tokligence-gateway/go/internal/tokens"
)

// counted is a codec that can answer a count by itself.
type counted interface{ EncodeCount(n int64) []byte }

// countTokens forwards to an upstream that counts, and estimates otherwise.
func (d *Door) countTokens(c *gin.Context) { d.countIn(c, d.codecs[llm.Messages], asked{}) }

func (d *Door) countIn(c *gin.Context, codec protocol.Codec, path asked) {
	body := d.newBody()
	defer body.release()
	call, err := d.admit(c, codec, llm.CountTokens, path, body)
	if err == nil {
		err = d.count(c, call)
	}
	if err != nil {
		d.refuse(c.Writer, codec, call.Head, err)
	}
}

// cannotCount reports whether an upstream has no such path, as many servers
// that speak the protocol otherwise.
func cannotCount(err error) bool {
	if err == nil {
		return false
	}
	e := llm.AsError(err)
	up := e.Upstream
	return up != nil && e.Kind != llm.ModelNotFound && (up.Status == http.StatusNotFound || up.Status == http.StatusMethodNotAllowed ||
		up.Status == http.StatusNotImplemented)
}

func (d *Door) count(c *gin.Context, call *proxy.Call) error {
	ctx := c.Request.Context()
	query := route.Query{
		Principal: call.Principal, Protocol: call.Codec.Name(), Operation: llm.CountTokens,
		Model: call.Head.Model, SessionID: call.Head.SessionID,
	}
	plan, err := d.router.Plan(ctx, query)
	if err == nil && len(plan) > 0 && plan[0].Protocol == call.Codec.Name() {
		err = d.proxy.Serve(ctx, c.Writer, call)
		if !cannotCount(err) {
			return err
		}
	}
	// No upstream counts for this model. It must still be one that answers.
	query.Operation = llm.Generate
	if _, err := d.router.Plan(ctx, query); err != nil {
		return err
	}
	req, err := call.Request()
	if err != nil {
		return err
	}
	answer := call.Codec.(counted).EncodeCount(tokens.EstimateRequest(req))
	c.Writer.Header().Set("X-Tokligence-Loss",
		llm.Finding{Class: llm.Approximated, Field: "input_tokens", Reason: "estimated"}.String())
	send(c.Writer, http.StatusOK, answer)
	return nil
}
