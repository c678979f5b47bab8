package h1

import (
	"context"
	"errors"
	"io"
	"net"
)

// Error says what the client was doing when the network failed it.
type Error struct {
	Op      string // connect, TLS handshake, send, wait for the answer, read
	Address string // host:port
	Err     error
}

func (e *Error) Error() string { return e.Op + " " + e.Address + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether a time limit was hit.
func (e *Error) Timeout() bool { return isTimeout(e.Err) }

// Temporary is there to make an Error a net.Error.
func (e *Error) Temporary() bool { return e.Timeout() }

// ProtocolError says that the server did not answer in HTTP/1.1.
type ProtocolError struct{ Reason string }

func (e *ProtocolError) Error() string { return "malformed HTTP answer: " + e.Reason }

func malformed(reason string) error { return &ProtocolError{Reason: reason} }

// during names the step in which err came, once.
func (cn *conn) during(op string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	return &Error{Op: op, Address: cn.address, Err: err}
}

// explain prefers the caller's own reason for the end.
func (cn *conn) explain(ctx context.Context, err error) error {
	if cn.cancelled.Load() && ctx.Err() != nil {
		return ctx.Err()
	}
	var e *Error
	if errors.As(err, &e) && errors.Is(e.Err, io.EOF) {
		e.Err = io.ErrUnexpectedEOF
	}
	return err
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
