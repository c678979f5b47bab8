// Package server owns the listeners: it gives every request an id, keeps out
// browsers that were led here, recovers from panics, answers health checks and
// drains on shutdown. What the paths mean is the business of the doors it is
// given.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

// Door puts its paths on the router and answers for those nobody serves.
type Door interface {
	Mount(r gin.IRouter)
	NotFound(c *gin.Context)
	WrongMethod(c *gin.Context)
	Refuse(w http.ResponseWriter, r *http.Request, err error)
}

// Options are what a Server is made of.
type Options struct {
	Door    Door
	Health  Health
	Metrics http.Handler // nil: no /metrics
	Log     *slog.Logger
	Access  Access

	HeaderTimeout time.Duration // for the head of a request, default 10 s
	IdleTimeout   time.Duration // between requests of a connection, default 120 s
}

// Server serves one listener.
type Server struct {
	http     *http.Server
	listener net.Listener
	access   atomic.Pointer[Access]
	draining atomic.Bool
	served   chan error
	cut      context.CancelCauseFunc // of the calls in flight
}

// errCut is why a call ends whose client is still there.
var errCut = errors.New("the gateway is shutting down")

// cutTime is what calls that are cut get to tell their clients and the ledger.
const cutTime = time.Second

// Listen takes the address and returns a server that does not serve yet. The
// address must be free.
func Listen(addr string, o Options) (*Server, error) {
	s := &Server{served: make(chan error, 1)}
	s.SetAccess(o.Access)
	var err error
	if s.listener, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr); err != nil {
		return nil, fmt.Errorf("listening on %s: %w", addr, err)
	}
	if o.HeaderTimeout == 0 {
		o.HeaderTimeout = 10 * time.Second
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = 120 * time.Second
	}
	s.http = &http.Server{
		Handler:           s.handler(o),
		ReadHeaderTimeout: o.HeaderTimeout,
		IdleTimeout:       o.IdleTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),

		DisableGeneralOptionsHandler: true, // it answers without a request id
	}
	base, cut := context.WithCancelCause(context.Background())
	s.cut = cut
	s.http.BaseContext = func(net.Listener) context.Context { return base }
	return s, nil
}

// SetAccess replaces the rules about hosts and origins.
func (s *Server) SetAccess(a Access) { s.access.Store(&a) }

// handler builds the router. gin routes, and nothing more: its logger,
// recovery and binding stay off the inference path.
func (s *Server) handler(o Options) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.RedirectTrailingSlash = false
	r.UseRawPath = true
	r.UnescapePathValues = true
	r.NoRoute(o.Door.NotFound)
	r.NoMethod(o.Door.WrongMethod)
	s.mountHealth(r, o)
	o.Door.Mount(r)
	return s.guard(r, o)
}

// Addr is where the server listens.
func (s *Server) Addr() *net.TCPAddr { return s.listener.Addr().(*net.TCPAddr) }

// Start serves until Shutdown. What ends it before comes from Failed.
func (s *Server) Start() {
	go func() {
		err := s.http.Serve(s.listener)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		s.served <- err
	}()
}

// Failed yields the error when serving ends by itself, and nil once after
// Shutdown.
func (s *Server) Failed() <-chan error { return s.served }

// Drain makes readiness false, so that balancers look elsewhere.
func (s *Server) Drain() { s.draining.Store(true) }

// Shutdown stops accepting and waits for the calls in flight; when ctx ends
// first it cuts them.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	defer s.cut(errCut)
	defer s.listener.Close() // open still if Start was never called
	err := s.http.Shutdown(ctx)
	if err == nil {
		return nil
	}
	s.cut(errCut)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutTime)
	defer cancel()
	if s.http.Shutdown(last) == nil {
		return err
	}
	return errors.Join(err, s.http.Close())
}
