package provider

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxRefusal bounds what is read of a refusal.
const maxRefusal = 1 << 20

// receive makes an answer fit to be handed on: unpacked, no web page, and
// without our key in a refusal that repeats it.
func (p *HTTP) receive(resp *http.Response) (*http.Response, error) {
	if err := p.unpack(resp); err != nil {
		_ = resp.Body.Close() // it is not wanted
		return nil, err
	}
	switch {
	case resp.StatusCode/100 != 2:
		p.hush(resp)
	case strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html"):
		_ = resp.Body.Close() // it is not wanted
		return nil, p.bad("The upstream %s answered with a web page where a model's answer was due: check %s.",
			p.name, p.addressHint())
	}
	return resp, nil
}

// unpack undoes a compression that was not asked for.
func (p *HTTP) unpack(resp *http.Response) error {
	coding := resp.Header.Get("Content-Encoding")
	switch strings.ToLower(strings.TrimSpace(coding)) {
	case "", "identity":
		return nil
	case "gzip", "x-gzip":
	default:
		return p.bad("The upstream %s answered in the encoding %.20q although none was asked for.", p.name, coding)
	}
	resp.Body = &unzipped{src: resp.Body}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength = -1
	return nil
}

// unzipped reads gzip as it comes.
type unzipped struct {
	src io.ReadCloser
	z   *gzip.Reader
	err error
}

func (u *unzipped) Read(b []byte) (int, error) {
	if u.err != nil {
		return 0, u.err
	}
	if u.z == nil {
		if u.z, u.err = gzip.NewReader(u.src); u.err != nil {
			if errors.Is(u.err, io.EOF) {
				return 0, io.EOF // nothing at all
			}
			u.err = fmt.Errorf("unpack the answer: %w", u.err)
			return 0, u.err
		}
	}
	n, err := u.z.Read(b)
	u.err = err
	return n, err
}

func (u *unzipped) Close() error { return u.src.Close() }

// hush takes our key out of a refusal: some servers repeat what they were
// sent.
func (p *HTTP) hush(resp *http.Response) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	_ = resp.Body.Close() // what is read is read
	body = p.Mask(body)
	resp.Body = &remembered{Reader: bytes.NewReader(body), err: err}
	resp.ContentLength = int64(len(body))
	resp.Header.Del("Content-Length")
	resp.Header.Del("Transfer-Encoding")
}

// Mask takes the credentials of this provider out of what it said. Text without
// any is returned as it is.
func (p *HTTP) Mask(text []byte) []byte {
	for _, s := range p.secrets {
		if bytes.Contains(text, []byte(s.Reveal())) {
			text = bytes.ReplaceAll(text, []byte(s.Reveal()), []byte(s.String()))
		}
	}
	return text
}

// remembered is a body that was read already, with the error it ended in.
type remembered struct {
	*bytes.Reader
	err error
}

func (r *remembered) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err != nil && r.err != nil {
		err = r.err
	}
	return n, err
}

func (r *remembered) Close() error { return nil }
