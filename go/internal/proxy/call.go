package proxy

import (
	"net/http"
	"sync"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

// Call is one client request inside the gateway.
type Call struct {
	ID        string
	Codec     protocol.Codec // the client's
	Head      protocol.Head
	Principal identity.Principal
	Header    http.Header // those of the client's headers that may travel
	Query     string      // the part of the query that may travel
	Body      []byte      // as received; never modified
	Pin       string      // provider that holds this conversation's state
	Started   time.Time

	// Estimate guesses the prompt's tokens. It is asked only where the call
	// is decoded; until then Head.EstimatedInput is a rough guess.
	Estimate func(*llm.Request) int64

	decode func() (*llm.Request, error)
	names  func() (*protocol.NameMap, error)
}

// Prepare makes the body decodable: at most once, and only if asked.
func (c *Call) Prepare() *Call {
	c.decode = sync.OnceValues(func() (*llm.Request, error) {
		req, err := c.Codec.DecodeRequest(c.Body)
		if err == nil && c.Estimate != nil {
			c.Head.EstimatedInput = c.Estimate(req)
		}
		return req, err
	})
	c.names = sync.OnceValues(func() (*protocol.NameMap, error) {
		req, err := c.decode()
		if err != nil {
			return nil, err
		}
		return protocol.Names(req)
	})
	return c
}

// Request returns the call in the neutral form.
func (c *Call) Request() (*llm.Request, error) { return c.decode() }

func (c *Call) query(p *Policy) route.Query {
	return route.Query{
		Principal: c.Principal, Protocol: c.Codec.Name(), Operation: c.Head.Operation, Model: c.Head.Model,
		Mode: p.Mode, Pin: c.Pin, SessionID: c.Head.SessionID,
	}
}
