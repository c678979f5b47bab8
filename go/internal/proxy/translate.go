package proxy

import (
	"errors"
	"io"
	"net/http"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// relayEvents reads the upstream's answer in its protocol and writes it in the
// client's. Stream or body, on either side, is the same path.
func (t *try) relayEvents(body io.Reader, header http.Header, streamed bool, names *protocol.NameMap) *llm.Error {
	contentType := "application/json"
	if t.call.Head.Stream {
		contentType = streamType(t.call.Head)
		t.ans.prepare(http.StatusOK, t.reply(header, contentType))
	}
	from := t.cand.Target
	from.MaxFrame = t.ans.policy.MaxFrame
	reader := t.proxy.codecs[t.cand.Protocol].NewReader(body, streamed, from)
	head := t.call.Head
	head.Body = t.call.Body
	if !t.sumsUp() {
		head.Compaction = protocol.NoCompaction
	}
	r := &eventRelay{try: t, names: names, writer: t.call.Codec.NewWriter(head)}
	for {
		ev, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			return r.fail(t.broken(io.ErrUnexpectedEOF))
		case err != nil:
			return r.fail(t.broken(err))
		case ev.Type == llm.Failed:
			return r.fail(t.blame(ev.Err))
		}
		if err := r.write(ev); err != nil {
			return r.fail(llm.AsError(err))
		}
		if ev.Type == llm.Finish {
			return r.finish(header, contentType)
		}
	}
}

// masker is a provider that takes its credentials out of what it said.
type masker interface {
	Mask(text []byte) []byte
}

// mask takes our key out of an error that came inside an answer: some servers
// repeat what they were sent. Those in place of an answer arrive without it.
func (t *try) mask(said []byte) []byte {
	if m, ok := t.cand.Provider.(masker); ok {
		return m.Mask(said)
	}
	return said
}

func (t *try) maskError(err *llm.Error) {
	err.Message = string(t.mask([]byte(err.Message)))
	if err.Err == nil {
		return
	}
	if cause := err.Err.Error(); string(t.mask([]byte(cause))) != cause {
		err.Err = errors.New(string(t.mask([]byte(cause)))) // for the log only
	}
}

// blame names the provider in an error that came inside an answer.
func (t *try) blame(err *llm.Error) *llm.Error {
	if over := t.over(); over != nil {
		return over
	}
	if err.Upstream == nil {
		err.Upstream = &llm.Upstream{Status: t.row.Status}
	}
	err.Upstream.Provider, err.Upstream.RequestID = t.row.Provider, t.requestID
	err.Upstream.Body = nil
	t.maskError(err)
	return err
}

// eventRelay is the writing half of a translated answer.
type eventRelay struct {
	try    *try
	names  *protocol.NameMap
	writer protocol.EventWriter
	out    []byte // made by the latest events, not yet handed on
	live   bool   // content has gone out
}

// write hands one event to the client's writer and its bytes to the client,
// apart from those of the end.
func (r *eventRelay) write(ev llm.Event) error {
	t := r.try
	content := false
	switch ev.Type {
	case llm.Start:
		meta := *ev.Meta
		meta.Origin = t.cand.Target.Origin
		ev.Meta = &meta
		t.served(meta)
	case llm.BlockStart:
		ev.Block = r.restore(ev.Block)
		_, content = ev.Block.(llm.ToolCall)
	case llm.BlockDelta:
		t.content += int64(len(ev.Delta))
		content = len(ev.Delta) > 0
	case llm.BlockEnd:
		content = ev.Block != nil
	case llm.Metered:
		t.row.Usage.Merge(ev.Usage)
	case llm.Finish:
		t.row.Stop = ev.Stop
	case llm.Failed:
	}
	var err error
	r.out, err = r.writer.Append(r.out, ev)
	if err != nil || !t.call.Head.Stream || ev.Type == llm.Finish {
		return err
	}
	if content {
		t.first()
		r.live = true
	}
	if r.live {
		_, _ = t.ans.Write(r.out)
	} else {
		t.ans.hold(r.out)
	}
	r.out = r.out[:0]
	return nil
}

// restore gives a tool call the name and the kind its client knows.
func (r *eventRelay) restore(b llm.Block) llm.Block {
	call, ok := b.(llm.ToolCall)
	if !ok || r.names == nil {
		return b
	}
	id := r.names.Back(call.Name)
	call.Namespace, call.Name = id.Namespace, id.Name
	if id.Kind != "" {
		call.Kind = id.Kind
	}
	return call
}

// finish settles and lets the end go.
func (r *eventRelay) finish(header http.Header, contentType string) *llm.Error {
	t := r.try
	t.first()
	late := r.writer.Findings()
	t.row.Findings += len(late)
	if failure := t.settle(len(r.out)); failure != nil {
		return r.fail(failure)
	}
	if !t.call.Head.Stream {
		t.findings = append(t.findings, late...)
		h := t.reply(header, contentType)
		contentLength(h, len(r.out))
		t.ans.prepare(http.StatusOK, h)
	} else if len(late) > 0 {
		t.proxy.observer.Found(late)
		t.proxy.log.Info("translation findings in the answer", "request_id", t.call.ID, "findings", late)
	}
	if t.call.Keep != nil {
		t.call.Keep(r.out)
	}
	t.call.ended(r.out)
	_, _ = t.ans.Write(r.out)
	return nil
}

// fail tells a client in mid-stream; before that the caller does.
func (r *eventRelay) fail(failure *llm.Error) *llm.Error {
	t := r.try
	if !t.call.Head.Stream || t.ans.abandon() {
		return failure
	}
	out, err := r.writer.Append(nil, llm.Event{Type: llm.Failed, Err: failure})
	if err != nil || len(out) == 0 { // the writer has failed itself, or has written an end that must not go out
		out = t.call.Codec.NewMeter(t.call.Head).AppendFailure(nil, failure)
	}
	_ = t.settleAs(outcomeOf(t, failure), failure, len(out)) // logged there
	_, _ = t.ans.Write(out)
	t.ans.flush()
	return failure
}
