// Package h1 is an HTTP/1.1 client made for one job: many small requests to
// few servers, each answered by one body or by a long stream of small pieces.
// It is an http.RoundTripper that does its work in the calling goroutine, so
// that a request costs two system calls and no hand-over. It knows nothing of
// models, keys or protocols above HTTP, follows no redirect, keeps no cookie
// and uses no proxy.
package h1

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options shape a Client. A zero value means the default, a negative time
// means no limit.
type Options struct {
	DialTimeout   time.Duration // name look-up and connecting, default 10 s
	TLSTimeout    time.Duration // handshake, default 10 s
	WriteTimeout  time.Duration // sending a request, default 30 s and 1 s more per 64 KiB
	HeaderTimeout time.Duration // from the request's last byte to the answer's head, default 120 s
	StallTimeout  time.Duration // between two reads of a body, default 120 s
	KeepIdle      time.Duration // an unused connection is closed after it, default 90 s

	MaxIdlePerHost int // default 512
	MaxHeaderBytes int // of an answer's head, default 64 KiB

	// TLS is cloned. Server name, ALPN and a session cache are filled in.
	TLS *tls.Config

	// Dial replaces the dialer, which alone heeds Control.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Control sees every resolved address before it is connected to.
	Control func(network, address string, c syscall.RawConn) error
}

func (o *Options) fill() {
	for _, d := range [...]struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.DialTimeout, 10 * time.Second},
		{&o.TLSTimeout, 10 * time.Second},
		{&o.WriteTimeout, 30 * time.Second},
		{&o.HeaderTimeout, 120 * time.Second},
		{&o.StallTimeout, 120 * time.Second},
		{&o.KeepIdle, 90 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if o.MaxIdlePerHost == 0 {
		o.MaxIdlePerHost = 512
	}
	if o.MaxHeaderBytes == 0 {
		o.MaxHeaderBytes = 64 << 10
	}
	if o.TLS == nil {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	o.TLS = o.TLS.Clone()
	o.TLS.NextProtos = []string{"http/1.1"}
	if o.TLS.ClientSessionCache == nil {
		o.TLS.ClientSessionCache = tls.NewLRUClientSessionCache(64)
	}
	if o.Dial == nil {
		dialer := &net.Dialer{KeepAlive: 30 * time.Second, Control: o.Control}
		o.Dial = dialer.DialContext
	}
}

// Client is a pool of connections per scheme, host and port. Make one for
// each set of credentials, so that no two share a connection. It is safe for
// concurrent use.
type Client struct {
	o     Options
	stats counters
	heads sync.Pool // of *[]byte, that requests are put together in

	mu     sync.Mutex
	idle   map[origin]*[]*conn // last used last
	sweep  *time.Timer         // set while something is idle
	closed bool
}

// origin is where a connection leads.
type origin struct{ scheme, host string }

// New returns a client.
func New(o Options) *Client {
	o.fill()
	c := &Client{o: o, idle: make(map[origin]*[]*conn)}
	c.heads.New = func() any {
		b := make([]byte, 0, 4<<10)
		return &b
	}
	return c
}

// RoundTrip sends req and reads the head of the answer. Cancelling the
// context of req ends the reading of the body too. A request is repeated once
// only where the first try provably did nothing, see conn.mayRepeat.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	defer func() { closeBody(req) }()
	if err := check(req); err != nil {
		return nil, err
	}
	ctx := req.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	to := origin{req.URL.Scheme, req.URL.Host}
	cn := c.take(to)
	reused := cn != nil
	for {
		if cn == nil {
			var err error
			if cn, err = c.dial(ctx, to); err != nil {
				return nil, err
			}
		}
		resp, err := cn.exchange(ctx, req)
		if err == nil {
			return resp, nil
		}
		again := reused && ctx.Err() == nil && cn.mayRepeat(req, err)
		cn.destroy()
		if !again {
			return nil, cn.explain(ctx, err)
		}
		fresh, ok := rewind(req)
		if !ok {
			return nil, cn.explain(ctx, err)
		}
		req = fresh
		c.stats.repeated.Add(1)
		cn, reused = nil, false
	}
}

// CloseIdleConnections closes what is not in use.
func (c *Client) CloseIdleConnections() {
	c.mu.Lock()
	idle := c.idle
	c.idle = make(map[origin]*[]*conn)
	c.mu.Unlock()
	for _, list := range idle {
		for _, cn := range *list {
			cn.destroy()
		}
	}
}

// Close closes idle connections now and those in use when their answer has
// been read. It does not wait for them.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	if c.sweep != nil {
		c.sweep.Stop()
		c.sweep = nil
	}
	c.mu.Unlock()
	c.CloseIdleConnections()
	return nil
}

// check refuses what cannot be written as HTTP/1.1.
func check(req *http.Request) error {
	switch {
	case req.URL == nil:
		return errors.New("h1: the request has no URL")
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return errors.New("h1: the scheme is neither http nor https")
	case req.URL.Host == "":
		return errors.New("h1: the URL names no host")
	case !isToken(method(req)):
		return errors.New("h1: the method is not a token")
	case strings.ContainsFunc(req.URL.RawQuery, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return errors.New("h1: the query holds a control character or a space")
	case !isHost(req.URL.Host) || req.Host != req.URL.Host && !isHost(req.Host):
		return errors.New("h1: the host holds a character that no host has")
	}
	for name, values := range req.Header {
		if !isToken(name) {
			return errors.New("h1: a header name is not a token")
		}
		for _, v := range values {
			if !isValue(v) {
				return errors.New("h1: the header " + name + " holds a control character")
			}
		}
	}
	return nil
}

func isHost(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ', c >= 0x7f, c == '/', c == '?', c == '#', c == '@', c == '\\':
			return false
		}
	}
	return true
}

func method(req *http.Request) string {
	if req.Method == "" {
		return http.MethodGet
	}
	return req.Method
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // nothing was read that its owner could miss
	}
}

// rewind returns a request whose body can be sent again, if there is a way.
func rewind(req *http.Request) (*http.Request, bool) {
	if _, ok := req.Body.(*Body); ok || noBody(req) {
		return req, true
	}
	if req.GetBody == nil {
		return nil, false
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, false
	}
	closeBody(req)
	again := *req // the caller's must not change
	again.Body = body
	return &again, true
}
