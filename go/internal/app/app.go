// Package app builds every room once, for the daemon and for the command
// line, and wires them together. It decides nothing that a room could decide.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/api"
	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/metrics"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
	"github.com/tokligence/tokligence-gateway/go/internal/server"
)

// Options are what an App is made of.
type Options struct {
	Config *config.Config
	Log    *slog.Logger

	// Announce shows the administrator's first key, this once. It must not
	// end up in a log.
	Announce func(token secret.Secret)
}

// App is a daemon: New, Start, then Stop.
type App struct {
	opts Options
	log  *slog.Logger

	data      *Data
	sealer    *protocol.Sealer
	gate      *gate
	ledger    *ledger.Ledger
	metrics   *metrics.Metrics
	router    *route.Router
	proxy     *proxy.Proxy
	room      *conversation.Room
	door      *api.Door
	server    *server.Server
	upstreams atomic.Pointer[Upstreams]
	config    atomic.Pointer[config.Config] // the one that applies

	prepared atomic.Bool // the database has been
	stop     context.CancelFunc
	running  sync.WaitGroup
	reload   sync.Mutex
}

// New builds the rooms. Nothing runs and nothing listens yet.
func New(ctx context.Context, o Options) (*App, error) {
	cfg := o.Config
	data, err := OpenUnmigrated(ctx, cfg)
	if err != nil {
		return nil, err
	}
	a := &App{opts: o, log: o.Log, data: data, sealer: protocol.NewSealer(randomKey()), metrics: metrics.New()}
	if err := a.build(cfg); err != nil {
		return nil, errors.Join(err, data.Close())
	}
	return a, nil
}

// randomKey seals until the database has told the installation's key.
func randomKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the process instead
	return key
}

func (a *App) build(cfg *config.Config) error {
	known, err := LoadCatalog(cfg)
	if err != nil {
		return err
	}
	a.config.Store(cfg)
	a.gate = newGate(a.data.Store, cfg, a.log)
	a.ledger = ledger.New(ledger.Options{
		Dir: JournalDir(cfg), Store: a.data.Store, Pricer: known, Durability: ledger.Durability(cfg.Ledger.Durability),
		MaxBytes: int64(cfg.Ledger.JournalBytes), Log: a.log,
	})
	codecs := Codecs(a.sealer)
	ups, err := NewUpstreams(cfg, codecs)
	if err != nil {
		return err
	}
	a.upstreams.Store(ups)
	a.router = route.New(routing(cfg, ups, known))
	a.proxy = proxy.New(proxy.Options{
		Codecs: codecs, Planner: a.router, Recorder: a.ledger, Observer: a.metrics, Log: a.log, Policy: policy(cfg),
	})
	memory := api.NewMemory()
	a.room = conversation.New(conversation.Options{
		Shelf: a.data.Store, Threads: a.data.Store, Runs: a.data.Store, Log: a.log, TTL: cfg.Responses.TTL, MaxBytes: int64(cfg.Responses.MaxBytes),
		Bounds: conversation.Bounds{
			OwnerCount: cfg.Responses.MaxKept, OwnerBytes: int64(cfg.Responses.BytesPerKey), Bytes: int64(cfg.Responses.Bytes),
		},
		Memory: memory, Swept: func(s conversation.Swept) { a.metrics.Removed(s.Expired, s.Evicted) },
		MaxRuns: cfg.Responses.Background, MaxRunsPerKey: cfg.Responses.BackgroundPerKey,
	})
	a.door = api.New(api.Options{
		Room: a.room, Codecs: codecs, Proxy: a.proxy, Auth: a.gate, Router: a.router, Lists: a.lists, Watch: a.metrics,
		Log: a.log, Limits: limits(cfg), Memory: memory,
	})
	a.measure()
	return nil
}

func (a *App) lists() map[string]provider.Lister { return a.upstreams.Load().Lists }

// measure adds the figures that rooms keep by themselves.
func (a *App) measure() {
	a.metrics.Gauge("tokligence_background_responses", "Responses that are being made in the background.",
		func() float64 { return float64(a.room.Running()) })
	a.metrics.Gauge("tokligence_ledger_pending_rows", "Rows in the journal that are not in the database yet.",
		func() float64 { return float64(a.ledger.Stats().Pending) })
	a.metrics.Gauge("tokligence_ledger_journal_bytes", "Size of the journal on disk.",
		func() float64 { return float64(a.ledger.Stats().Bytes) })
	a.metrics.Gauge("tokligence_ledger_lag_seconds", "Since when rows have been waiting for the database.",
		func() float64 { return a.ledger.Stats().Lag.Seconds() })
	a.metrics.Gauge("tokligence_ledger_lost_records", "Journal records that could not be read back.",
		func() float64 { return float64(a.ledger.Stats().Lost) })
}

// Start takes the address, prepares the database and serves. The database may
// be away; what needs it then answers 503 until it is back.
func (a *App) Start(ctx context.Context) error {
	cfg := a.opts.Config
	srv, err := server.Listen(cfg.Listen, server.Options{
		Door: a.door, Health: a, Metrics: a.metricsHandler(cfg), Log: a.log, Access: access(cfg),
		HeaderTimeout: cfg.Limits.HeaderTime, IdleTimeout: cfg.Limits.IdleTime,
	})
	if err != nil {
		return err
	}
	a.server = srv
	ctx, a.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := a.prepare(ctx); err != nil {
		return err
	}
	a.gate.start(ctx)
	if err := a.ledger.Start(ctx); err != nil {
		return fmt.Errorf("starting the ledger: %w", err)
	}
	a.running.Go(func() { a.room.Run(ctx) })
	a.running.Go(func() { newChecker(a.data, a.log, a.config.Load).Run(ctx) })
	a.tellProblems()
	srv.Start()
	return nil
}

func (a *App) metricsHandler(cfg *config.Config) http.Handler {
	if !cfg.Metrics.Enabled {
		return nil
	}
	return a.metrics.Handler()
}

// tellProblems logs what is odd about the routes.
func (a *App) tellProblems() {
	for _, p := range a.router.Problems() {
		a.log.Warn("configuration", "where", p.Where, "problem", p.Message, "fix", p.Fix)
	}
}

// URL is where clients find the gateway.
func (a *App) URL() string {
	addr := a.server.Addr()
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	} else if addr.IP.To4() == nil {
		host = "[" + host + "]"
	}
	return fmt.Sprintf("http://%s:%d", host, addr.Port)
}

// Port is the port it listens on.
func (a *App) Port() int { return a.server.Addr().Port }

// Failed tells when serving ends by itself.
func (a *App) Failed() <-chan error { return a.server.Failed() }

// Ready implements server.Health. A database that is away for a while stops
// nothing, so only one that was never there counts.
func (a *App) Ready(context.Context) map[string]error {
	checks := map[string]error{"ledger": a.ledger.Ready(), "identity": a.gate.ready(), "database": nil}
	if !a.prepared.Load() {
		checks["database"] = errors.New("the database has not been reached yet")
	}
	return checks
}

// Stop ends the daemon: not ready at once, no new calls after the delay, calls
// in flight end or are cut when ctx ends. What is in the journal goes to the
// database as far as it can.
func (a *App) Stop(ctx context.Context) error {
	a.server.Drain()
	select {
	case <-time.After(a.config.Load().Shutdown.Delay):
	case <-ctx.Done():
	}
	err := a.server.Shutdown(ctx)
	a.room.Drain(ctx)
	return errors.Join(err, a.close())
}

// Patience is how long Stop may take.
func (a *App) Patience() time.Duration {
	s := a.config.Load().Shutdown
	return s.Delay + s.Grace
}

// Close ends an App that did not start.
func (a *App) Close() error {
	if a.server == nil {
		return a.close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := a.server.Shutdown(ctx)
	a.room.Drain(ctx)
	return errors.Join(err, a.close())
}

func (a *App) close() error {
	if a.stop != nil {
		a.stop()
	}
	a.running.Wait()
	a.proxy.Close()
	a.gate.stop()
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	err := a.ledger.Stop(ctx)
	return errors.Join(err, a.upstreams.Load().Close(), a.data.Close())
}

// flushTime bounds how long an ending daemon waits for its database; the
// journal keeps what is left.
const flushTime = 5 * time.Second

// KeyHint is the header that a first request needs, as an argument of curl.
func (a *App) KeyHint() string {
	cfg := a.opts.Config
	switch {
	case cfg.Auth.Disabled, cfg.Mode == config.ModePersonal && cfg.APIKey.Empty():
		return ""
	}
	return ` -H "authorization: Bearer $YOUR_KEY"`
}
