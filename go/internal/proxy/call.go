package proxy

import (
	"net/http"
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
	Method    string      // of the request to the upstream; "": POST
	Path      string      // below the operation's own, "" none
	MIME      string      // of the body, "": JSON
	Provider  string      // asked for by name, where there is no model
	Body      []byte      // as received; never modified
	Pin       string      // provider that holds this conversation's state
	Started   time.Time
	Translate bool // even where the upstream speaks the client's protocol

	// Estimate guesses the prompt's tokens. It is asked only where the call
	// is decoded; until then Head.EstimatedInput is a rough guess.
	Estimate func(*llm.Request) int64

	// Keep is given the end of an answer that is translated or whose upstream
	// keeps none, in the client's protocol, before it leaves: the whole of a
	// body, the last frames of a stream. It must not hold on to the bytes, nor
	// block. Nil keeps nothing.
	Keep func(end []byte)

	// Ended is given the end of an answer that is whole, translated or not,
	// before it leaves, as Keep is. It may wait, but not for long.
	Ended func(end []byte)

	// Note is told which provider gives the client's answer in the provider's
	// own words, and under which id, before the client sees the id. It must
	// not block. Owed says that the answer is still to be made and tells what
	// it uses to all who see its end: the debt settles who of them books it.
	// It returns nil if nothing is noted. Nil notes nothing.
	Note func(provider, id string, owed bool) *Debt

	// Debt is of a recalled answer whose usage is still to be booked.
	Debt *Debt

	decoded *decoded
	tried   int // attempts so far: a call may be served anew in another form
}

// Debt is what an answer uses that its provider makes later.
type Debt struct {
	// Claim is asked before the usage is booked: it is true for one call only.
	Claim func() bool

	// Return gives a claim back that led to nothing.
	Return func()
}

// claim reports whether to book. Nobody does it for a debt that is unknown.
func (d *Debt) claim() bool { return d != nil && d.Claim() }

// decoded is a call in the neutral form, or why it has none.
type decoded struct {
	request *llm.Request
	err     error

	names    *protocol.NameMap
	namesErr error
	named    bool
}

// Request returns the call in the neutral form. The body is decoded at most
// once, and only if asked for.
func (c *Call) Request() (*llm.Request, error) {
	if c.decoded == nil {
		d := &decoded{}
		d.request, d.err = c.Codec.DecodeRequest(c.Body)
		if d.err == nil { // not every protocol has them in the body
			d.request.Model, d.request.Stream = c.Head.Model, c.Head.Stream
		}
		if d.err == nil && c.Estimate != nil {
			c.Head.EstimatedInput = c.Estimate(d.request)
		}
		c.decoded = d
	}
	return c.decoded.request, c.decoded.err
}

// names returns what the call's tools are called on either side.
func (c *Call) names() (*protocol.NameMap, error) {
	req, err := c.Request()
	if err != nil {
		return nil, err
	}
	d := c.decoded
	if !d.named {
		d.names, d.namesErr = protocol.Names(req)
		d.named = true
	}
	return d.names, d.namesErr
}

// ended tells the end of an answer.
func (c *Call) ended(end []byte) {
	if c.Ended != nil {
		c.Ended(end)
	}
}

func (c *Call) query(p *Policy) route.Query {
	return route.Query{
		Principal: c.Principal, Protocol: c.Codec.Name(), Operation: c.Head.Operation, Model: c.Head.Model,
		Mode: p.Mode, Pin: c.Pin, Provider: c.Provider, SessionID: c.Head.SessionID,
	}
}
