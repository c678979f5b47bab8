// Package protocol defines what a wire protocol must be able to do, and holds
// the few tools all of them share. Each protocol is one sub-package; none
// imports another, and none knows a provider, a key or a price.
package protocol

import (
	"io"
	"net"
	"net/http"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// Codec is one protocol, both ways.
type Codec interface {
	Name() llm.Protocol
	Inbound
	Outbound
	Passthrough
}

// Inbound speaks with clients.
type Inbound interface {
	// Peek reads what routing and policy need without decoding the body. It
	// refuses text that is no JSON object, a member named twice and a wrong
	// type of the members it reads, with an *llm.Error.
	Peek(op llm.Operation, body []byte) (Head, error)

	// DecodeRequest reads a whole request of the operation Generate or
	// CountTokens. It validates the body (*llm.Error of kind Invalid naming
	// the field in the client's own words).
	DecodeRequest(body []byte) (*llm.Request, error)

	// NewWriter writes an answer: a stream or one body, as head.Stream says.
	NewWriter(head Head) EventWriter

	// EncodeError returns the answer to a request that failed before any
	// byte of an answer was sent. Header lists further headers (retry-after).
	EncodeError(err *llm.Error, head Head) (status int, header http.Header, body []byte)

	// AppendKeepAlive appends bytes that keep a silent stream alive. They are
	// only ever written between frames.
	AppendKeepAlive(dst []byte) []byte
}

// Outbound speaks with upstreams.
type Outbound interface {
	// EncodeRequest writes req for the target. Findings say what the target
	// could not carry; an error (*llm.Error, Invalid) says that no useful
	// answer would be possible.
	EncodeRequest(req *llm.Request, to Target) ([]byte, []llm.Finding, error)

	// NewReader yields the same events for a stream and for one body.
	NewReader(r io.Reader, stream bool, from Target) EventReader

	// DecodeError reads the answer of an upstream that refused. Body may be
	// anything: HTML, an array, nothing.
	DecodeError(status int, header http.Header, body []byte) *llm.Error
}

// Passthrough serves a client and an upstream that speak this protocol both.
type Passthrough interface {
	// Patch sets the few values that are ours and keeps every other byte: the
	// model, and what the ledger needs to see usage. The segments alias body.
	Patch(body []byte, head Head, to Target) (net.Buffers, error)

	// NewMeter watches the answer to a request with this head.
	NewMeter(head Head) Meter
}

// Meter watches an answer go by. It reads, it never changes.
type Meter interface {
	// Observe looks at one frame of a stream, or at a whole body.
	Observe(frame []byte) Verdict
	Meta() llm.Meta
	Usage() llm.Usage
	Stop() llm.Stop

	// Err is the failure an upstream reported inside a successful answer, or
	// nil. Observe has then returned Failure. Its Upstream is set if the frame
	// is a report that the client can read, and nil if the frame itself is
	// broken and must not go on.
	Err() *llm.Error

	// AppendFailure appends the frames that tell the client of a failure in
	// mid-stream, in its protocol.
	AppendFailure(dst []byte, err *llm.Error) []byte
}

// Verdict tells the relay what a frame is.
type Verdict uint8

// The verdicts.
const (
	Preamble Verdict = iota // before any content: another upstream may still be tried
	Content
	Hidden  // asked for by us, not by the client: do not forward
	Last    // the end of the answer: forward when the record is written
	Failure // the upstream failed inside the answer; see Meter.Err
)

// EventReader yields the events of one answer. Next returns io.EOF after
// Finish or Failed. An upstream that ends without its terminal event is a
// Failed event of kind BadUpstream, never a Finish. Other errors are those of
// the underlying reader.
type EventReader interface {
	Next() (llm.Event, error)
}

// EventWriter writes one answer. It alone owns indices, ids and block order.
type EventWriter interface {
	// Append appends the bytes that ev makes the client see; for a whole body
	// everything comes with Finish. What Finish or Failed append is the end
	// of the answer. Appending Failed to a writer of a whole body appends the
	// error body of EncodeError.
	Append(dst []byte, ev llm.Event) ([]byte, error)

	// Findings are fields of the answer that the client's protocol cannot
	// carry. Ask after Finish.
	Findings() []llm.Finding
}

// Mender is a codec that repairs whole answers of upstreams which ignore what
// was asked, such as the encoding of embeddings.
type Mender interface {
	Mend(head Head, body []byte) []byte
}

// Reframer is a meter of a protocol whose streams have a second form, beside
// server-sent events.
type Reframer interface {
	// Reframe returns a frame that Observe has seen in the form that the client
	// reads. A nil frame is the end of a complete answer.
	Reframe(frame []byte, verdict Verdict) []byte
}

// Summarizer is a codec whose requests may end in the wish to have the
// conversation summed up. Where the head of such a request says so, its writer
// makes what the client expects of the model's words.
type Summarizer interface {
	// AskSummary puts the wish into words for models that know no such
	// wish. Any other request it returns as it is.
	AskSummary(req *llm.Request) *llm.Request
}

// Deferrer is a Meter of a protocol whose answers may be made later: what they
// use is told then.
type Deferrer interface{ Deferred() bool }
