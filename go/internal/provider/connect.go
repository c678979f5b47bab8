package provider

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/provider/h1"
)

// connect makes the client: our own for HTTP/1.1, net/http's for proxies and
// HTTP/2.
func (p *HTTP) connect(s Settings) error {
	t := s.Timeouts
	for _, d := range [...]struct {
		field *time.Duration
		value time.Duration
	}{{&t.Connect, 10 * time.Second}, {&t.TLS, 10 * time.Second}, {&t.Stall, 120 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	control := guard(s)
	if s.Proxy.Empty() && !s.HTTP2 {
		p.fast = h1.New(h1.Options{
			DialTimeout: t.Connect, TLSTimeout: t.TLS, StallTimeout: t.Stall, Control: control,
			TLS: &tls.Config{MinVersion: tls.VersionTLS12},
		})
		p.client = p.fast
		return nil
	}
	dialer := &net.Dialer{Timeout: t.Connect, KeepAlive: 30 * time.Second, Control: control}
	transport := &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: t.TLS, DisableCompression: true,
		MaxIdleConnsPerHost: 512, IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(64)},
	}
	if !s.Proxy.Empty() {
		proxy, err := url.Parse(s.Proxy.Reveal())
		if err != nil || proxy.Host == "" {
			return fmt.Errorf("provider %s: the proxy is not a URL", p.name)
		}
		transport.Proxy = http.ProxyURL(proxy)
		dialer.Control = nil // the proxy is where it was said to be
	}
	p.client = &patient{transport: transport, stall: t.Stall}
	return nil
}

// guard checks the addresses that a host name turned out to have, at the
// moment of connecting. A configured base URL may lead into a private network;
// a vendor's host may not, nor may any name lead to a link-local address,
// where clouds keep credentials.
func guard(s Settings) func(network, address string, c syscall.RawConn) error {
	private := s.AllowPrivate || s.BaseURL != ""
	literal := false
	if u, err := url.Parse(s.BaseURL); err == nil && s.BaseURL != "" {
		_, err := netip.ParseAddr(u.Hostname())
		literal = err == nil
	}
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("the address %s cannot be checked", address)
		}
		ip := at.Addr().Unmap()
		switch {
		case literal:
			return nil
		case ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip.IsUnspecified():
			return &blockedError{ip}
		case !private && (ip.IsPrivate() || ip.IsLoopback()):
			return &blockedError{ip}
		}
		return nil
	}
}

// blockedError says that a name leads where it must not.
type blockedError struct{ ip netip.Addr }

func (e *blockedError) Error() string {
	return "the host name leads to the address " + e.ip.String() + ", which is not public"
}

// errStalled ends a call whose answer does not come or go on.
var errStalled error = stalledError{}

type stalledError struct{}

func (stalledError) Error() string   { return "no data within the time limit" }
func (stalledError) Timeout() bool   { return true }
func (stalledError) Temporary() bool { return true }

// patient gives net/http's transport the time limits that h1 has: for the head
// of the answer as the request says, and between two reads of its body.
type patient struct {
	transport *http.Transport
	stall     time.Duration
}

func (p *patient) CloseIdleConnections() { p.transport.CloseIdleConnections() }

func (p *patient) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	wait := headerWhole
	if body, ok := req.Body.(*h1.Body); ok && body.HeaderTimeout > 0 {
		wait = body.HeaderTimeout
	}
	timer := time.AfterFunc(wait, func() { cancel(errStalled) })
	resp, err := p.transport.RoundTrip(req.WithContext(ctx))
	timer.Stop()
	if err != nil {
		if errors.Is(context.Cause(ctx), errStalled) {
			err = errStalled
		}
		cancel(nil)
		return nil, err
	}
	resp.Body = &patientBody{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, timer: timer, stall: p.stall}
	return resp, nil
}

type patientBody struct {
	io.ReadCloser
	ctx    context.Context //nolint:containedctx // of the exchange, to tell why a read ended
	cancel context.CancelCauseFunc
	timer  *time.Timer
	stall  time.Duration
	once   sync.Once
}

func (b *patientBody) Read(p []byte) (int, error) {
	if b.stall > 0 {
		b.timer.Reset(b.stall)
		defer b.timer.Stop()
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil && errors.Is(context.Cause(b.ctx), errStalled) {
		err = errStalled
	}
	return n, err
}

func (b *patientBody) Close() error {
	b.once.Do(func() {
		b.timer.Stop()
		b.cancel(nil)
	})
	return b.ReadCloser.Close()
}
