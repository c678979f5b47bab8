// Package api is the inference door: it knows the paths clients call, reads
// what they send within bounds, learns who they are and hands the call to the
// proxy. It decides nothing about upstreams and writes no SQL.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"sync/atomic"

	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

type (
	// Authenticator turns a credential into who pays. It asks no database.
	Authenticator interface {
		Authenticate(credential string) (identity.Principal, error)
	}

	// Router answers questions about models.
	Router interface {
		Plan(ctx context.Context, q route.Query) ([]route.Candidate, error)
		Answerer(q route.Query) (provider string, err error)
		Known() []route.ModelRef
		Holders(op llm.Operation) []string
		NameFor(providerName, model string) string
		Embeds(providerName, model string) bool
		Learn(providerName string, models []string)
	}

	// Observer counts requests that were answered with an error.
	Observer interface {
		Refused(kind llm.ErrorKind)
	}
)

// Limits bound what a client may send.
type Limits struct {
	BodyBytes   int64 // of one request, decoded; default 50 MiB
	BodyMemory  int64 // of all requests being read or carried, with what they go on from, and answers on their way to the database; default 1 GiB
	BodyIdle    int   // seconds a client may pause while sending; default 15
	ModelsCache int   // seconds a provider's model list is kept; default 300
}

// Door serves the inference paths.
type Door struct {
	codecs   map[llm.Protocol]protocol.Codec
	proxy    *proxy.Proxy
	auth     Authenticator
	router   Router
	models   *ModelList
	room     *conversation.Room
	watch    Observer
	log      *slog.Logger
	limits   atomic.Pointer[Limits]
	counting chan struct{} // a place for each count under way: one takes a core
	memory   *Memory
}

// Options are what a Door is made of. All are required.
type Options struct {
	Codecs map[llm.Protocol]protocol.Codec
	Proxy  *proxy.Proxy
	Auth   Authenticator
	Router Router
	Lists  Lists
	Room   *conversation.Room
	Watch  Observer
	Log    *slog.Logger
	Limits Limits
	Memory *Memory // whose bound the limits set
}

// New returns a door.
func New(o Options) *Door {
	d := &Door{codecs: o.Codecs, proxy: o.Proxy, auth: o.Auth, router: o.Router, room: o.Room, watch: o.Watch, log: o.Log, memory: o.Memory}
	d.counting = make(chan struct{}, runtime.GOMAXPROCS(0))
	d.models = NewModelList(o.Router, o.Lists, func(provider string, err error) {
		d.log.Warn("a provider's model list is not to be had", "provider", provider, "error", err.Error())
	})
	d.SetLimits(o.Limits)
	return d
}

// ForgetModels makes the model lists ask the providers anew.
func (d *Door) ForgetModels() { d.models.Forget() }

// SetLimits replaces the limits for the requests that come.
func (d *Door) SetLimits(l Limits) {
	orDefault(&l.BodyBytes, 50<<20)
	orDefault(&l.BodyMemory, 1<<30)
	orDefault(&l.BodyIdle, 15)
	orDefault(&l.ModelsCache, 300)
	d.memory.most.Store(l.BodyMemory)
	d.limits.Store(&l)
}

func orDefault[T int | int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// RequestID returns the id the server gave this request.
func RequestID(w http.ResponseWriter) string { return w.Header().Get("X-Request-Id") }
