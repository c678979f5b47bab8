package h1

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

// counters are what Stats reports.
type counters struct {
	dialled, reused, repeated, open atomic.Int64
}

// Stats are totals since the client was made, but for Open and Idle.
type Stats struct {
	Dialled  int64 // connections made
	Reused   int64 // requests sent on a used connection
	Repeated int64 // requests sent again on a fresh connection
	Open     int64 // connections open now
	Idle     int64 // of these, not in use
}

// Stats returns the counters.
func (c *Client) Stats() Stats {
	s := Stats{
		Dialled: c.stats.dialled.Load(), Reused: c.stats.reused.Load(),
		Repeated: c.stats.repeated.Load(), Open: c.stats.open.Load(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, list := range c.idle {
		s.Idle += int64(len(*list))
	}
	return s
}

// take returns the connection used last, so that surplus ones grow old, or
// nil. Those that have become unusable are closed.
func (c *Client) take(to origin) *conn {
	for {
		cn := c.pop(to)
		if cn == nil {
			return nil
		}
		if cn.usable() && (c.o.KeepIdle < 0 || time.Since(cn.idleSince) < c.o.KeepIdle) {
			c.stats.reused.Add(1)
			return cn
		}
		cn.destroy()
	}
}

func (c *Client) pop(to origin) *conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.idle[to]
	if list == nil || len(*list) == 0 {
		return nil
	}
	last := len(*list) - 1
	cn := (*list)[last]
	(*list)[last] = nil
	*list = (*list)[:last]
	return cn
}

// put makes a connection available again.
func (c *Client) put(cn *conn) {
	cn.idleSince = time.Now()
	c.mu.Lock()
	list := c.idle[cn.to]
	if list == nil {
		list = new([]*conn)
		c.idle[cn.to] = list
	}
	keep := !c.closed && len(*list) < c.o.MaxIdlePerHost
	if keep {
		*list = append(*list, cn)
		if c.sweep == nil && c.o.KeepIdle > 0 {
			c.sweep = time.AfterFunc(c.o.KeepIdle, c.expire)
		}
	}
	c.mu.Unlock()
	if !keep {
		cn.destroy()
	}
}

// expire closes what has been idle too long and comes back while anything is
// left.
func (c *Client) expire() {
	var old []*conn
	now := time.Now()
	c.mu.Lock()
	left := 0
	for _, list := range c.idle {
		n := 0
		for n < len(*list) && now.Sub((*list)[n].idleSince) >= c.o.KeepIdle {
			n++
		}
		old = append(old, (*list)[:n]...)
		*list = slices.Delete(*list, 0, n)
		left += len(*list)
	}
	switch {
	case c.sweep == nil:
	case left > 0:
		c.sweep.Reset(max(c.o.KeepIdle/4, time.Millisecond))
	default:
		c.sweep = nil
	}
	c.mu.Unlock()
	for _, cn := range old {
		cn.destroy()
	}
}

// dial makes a connection.
func (c *Client) dial(ctx context.Context, to origin) (*conn, error) {
	address := to.host
	if _, _, err := net.SplitHostPort(address); err != nil {
		port := ":80"
		if to.scheme == "https" {
			port = ":443"
		}
		address = bracket(address) + port
	}
	dctx, cancel := limit(ctx, c.o.DialTimeout)
	defer cancel()
	raw, err := c.o.Dial(dctx, "tcp", address)
	if err != nil {
		return nil, c.failed(ctx, "connect", address, err)
	}
	cn := &conn{client: c, to: to, address: address, nc: raw}
	cn.raw = rawConn(raw)
	cn.onCancel = cn.interrupt
	if to.scheme == "https" {
		if err := cn.secure(ctx, c.o.TLS, c.o.TLSTimeout); err != nil {
			_ = raw.Close() // the handshake's error says more
			return nil, c.failed(ctx, "TLS handshake", address, err)
		}
	}
	c.stats.dialled.Add(1)
	c.stats.open.Add(1)
	return cn, nil
}

func (cn *conn) secure(ctx context.Context, shape *tls.Config, timeout time.Duration) error {
	host, _, err := net.SplitHostPort(cn.address)
	if err != nil {
		return err
	}
	if shape.ServerName == "" {
		shape = shape.Clone()
		shape.ServerName = host
	}
	ctx, cancel := limit(ctx, timeout)
	defer cancel()
	cn.counted = &countedConn{Conn: cn.nc}
	sealed := tls.Client(cn.counted, shape)
	if err := sealed.HandshakeContext(ctx); err != nil {
		return err
	}
	state := sealed.ConnectionState()
	cn.nc, cn.state = sealed, &state
	return nil
}

// failed wraps an error of dialling. A deadline of ours is a time-out; one of
// the caller's is the caller's.
func (c *Client) failed(ctx context.Context, op, address string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &Error{Op: op, Address: address, Err: err}
}

func limit(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, d)
}

// bracket puts a bare IPv6 address into brackets.
func bracket(host string) string {
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return "[" + host + "]"
	}
	return host
}

// countedConn counts the bytes that TLS hands to the socket.
type countedConn struct {
	net.Conn
	written uint64
}

func (c *countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.written += uint64(n)
	return n, err
}

// rawConn returns the socket under a connection, nil where there is none.
func rawConn(nc net.Conn) syscall.RawConn {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
