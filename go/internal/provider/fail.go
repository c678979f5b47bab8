package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/provider/h1"
)

// bad returns an error of the upstream's, which is ours to mend.
func (p *HTTP) bad(format string, args ...any) *llm.Error {
	e := llm.Errorf(llm.BadUpstream, format, args...)
	e.Upstream = &llm.Upstream{Provider: p.name}
	return e
}

// addressHint names the setting that says where the upstream is.
func (p *HTTP) addressHint() string { return "base_url or " + p.variable("BASE_URL") }

// unreachable puts a failure to get an answer into words. Addresses are in
// the cause, which is for the log.
func (p *HTTP) unreachable(ctx context.Context, err error) *llm.Error {
	if cause := ctx.Err(); cause != nil {
		return llm.AsError(cause)
	}
	e := p.bad("%s", p.reason(err))
	if isTimeout(err) {
		e.Kind = llm.Timeout
	}
	e.Err = err
	return e
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// reason says what happened and what to check.
func (p *HTTP) reason(err error) string {
	var (
		blocked  *blockedError
		lookup   *net.DNSError
		record   tls.RecordHeaderError
		unknown  x509.UnknownAuthorityError
		invalid  x509.CertificateInvalidError
		hostname x509.HostnameError
		garbage  *h1.ProtocolError
		step     *h1.Error
	)
	connecting := errors.As(err, &step) && step.Op == "connect"
	switch {
	case errors.As(err, &blocked):
		return fmt.Sprintf("The host of the upstream %s leads to an address that is not public. If that is meant, set %s.", p.name, p.addressHint())
	case isTimeout(err) && (connecting || errors.As(err, &lookup)):
		return fmt.Sprintf("The upstream %s cannot be reached in time: check the network and %s.", p.name, p.addressHint())
	case isTimeout(err):
		return fmt.Sprintf("The upstream %s did not answer in time (timeout of the provider).", p.name)
	case errors.As(err, &lookup):
		return fmt.Sprintf("The host of the upstream %s is not known: check the network and %s.", p.name, p.addressHint())
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("Nothing listens where the upstream %s should be: check that it runs, and %s.", p.name, p.addressHint())
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return fmt.Sprintf("There is no way to the upstream %s: check the network and %s.", p.name, p.addressHint())
	case errors.As(err, &record):
		return fmt.Sprintf("The upstream %s does not speak TLS: check whether %s should begin with http://.", p.name, p.addressHint())
	case errors.As(err, &unknown), errors.As(err, &invalid), errors.As(err, &hostname):
		return fmt.Sprintf("The certificate of the upstream %s is not trusted: check %s, and the certificates of this machine.", p.name, p.addressHint())
	case errors.As(err, &garbage):
		return fmt.Sprintf("The upstream %s does not answer in HTTP/1.1: check %s.", p.name, p.addressHint())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Sprintf("The upstream %s closed the connection without an answer.", p.name)
	}
	return fmt.Sprintf("The upstream %s cannot be reached: check %s.", p.name, p.addressHint())
}
