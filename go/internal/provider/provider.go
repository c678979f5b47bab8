// Package provider sends encoded requests to upstreams. Most providers are a
// preset (data) served by one HTTP implementation; only odd transports are
// code. It knows where an upstream is, what it speaks and how a request is
// signed; it must not know what a request means, who asked, or what it costs.
package provider

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// Provider is one upstream account: where it is, what it speaks, how it is
// signed. A pool of keys is several providers.
type Provider interface {
	// Name is unique, as configured.
	Name() string

	// Speaks lists the protocols op can be asked in, most native first. None
	// means that the provider cannot do it.
	Speaks(op llm.Operation) []llm.Protocol

	// Do sends req and returns the answer as it comes. A status that is no
	// success is not an error. Errors are *llm.Error, and no part of them
	// shows a credential.
	Do(ctx context.Context, req *Request) (*http.Response, error)
}

// Request is an encoded call, ready to be signed and sent.
type Request struct {
	Operation llm.Operation
	Protocol  llm.Protocol
	Model     string // as the upstream knows it
	Stream    bool
	Batch     bool        // embeddings of several inputs
	Header    http.Header // client headers that may travel; a provider filters them again
	Query     string      // raw query that may travel, such as beta=true
	Method    string      // "": POST
	Path      string      // below the address of the operation, such as /file-1/content; "" none
	MIME      string      // of the body; "": JSON
	Body      net.Buffers // read-only; another attempt may send it again
}

// Lister is a provider that can say which models it serves.
type Lister interface {
	Models(ctx context.Context) ([]ModelInfo, error)
}

// Readier is a provider that may lack something it needs, such as its key.
type Readier interface {
	// Ready returns nil, or an error that says what to set.
	Ready() error
}

// ModelInfo is one model of a provider's own list. Zero fields were not said.
type ModelInfo struct {
	ID          string
	DisplayName string
	Created     time.Time
	MaxInput    int // tokens
	MaxOutput   int // tokens
}
