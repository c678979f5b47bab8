package proxy

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// passStream relays the upstream's frames as they are.
func (t *try) passStream(body io.Reader, header http.Header) *llm.Error {
	t.ans.prepare(http.StatusOK, t.reply(header, streamType(t.call.Head)))
	meter := t.call.Codec.NewMeter(t.call.Head)
	frames := sse.NewScanner(body, t.ans.policy.MaxFrame)
	for {
		frame, err := frames.Next()
		if err != nil {
			return t.passEnd(meter, err)
		}
		verdict := meter.Observe(frame)
		t.note(meter, t.call.Head.Background)
		if !sse.Closed(frame) {
			if frame = mended(frame, verdict); frame == nil {
				t.measure(meter)
				return t.fail(meter, t.broken(io.ErrUnexpectedEOF))
			}
		}
		frame = reframe(meter, frame, verdict)
		if failure := meter.Err(); failure != nil { // told, though not always the end
			frame = t.mask(frame)
			t.maskError(failure)
		}
		switch verdict {
		case protocol.Preamble:
			t.ans.hold(frame)
		case protocol.Hidden:
		case protocol.Content:
			t.first()
			t.content += int64(len(frame)) / 8 // most of a frame is wrapping
			_, _ = t.ans.Write(frame)
		case protocol.Last:
			return t.passLast(meter, frame)
		case protocol.Failure:
			return t.passFailure(meter, frame)
		}
	}
}

// reframe gives a frame the form that the client reads. A nil frame is the end.
func reframe(meter protocol.Meter, frame []byte, verdict protocol.Verdict) []byte {
	if r, ok := meter.(protocol.Reframer); ok {
		return r.Reframe(frame, verdict)
	}
	return frame
}

// streamType is the content type of a stream to the client.
func streamType(head protocol.Head) string {
	if head.Array {
		return "application/json"
	}
	return "text/event-stream"
}

// mended gives the frame with which a connection ended the blank line that it
// lacks. It is nil if the connection ended in the middle of an event: what
// follows to the client must not be taken for the rest of it.
func mended(frame []byte, verdict protocol.Verdict) []byte {
	ev := sse.Parse(frame)
	if verdict != protocol.Last && ev.HasData && jsonscan.Valid(ev.Data) != nil {
		return nil
	}
	return append(bytes.Clone(frame), "\n\n"...)
}

// passLast lets the last frame go when the record is written.
func (t *try) passLast(meter protocol.Meter, frame []byte) *llm.Error {
	t.measure(meter)
	t.first()
	if err := t.settle(len(frame)); err != nil {
		return t.fail(meter, err)
	}
	t.keep(frame)
	t.call.ended(frame)
	_, _ = t.ans.Write(frame)
	return nil
}

// passFailure handles an error that came inside a successful answer.
func (t *try) passFailure(meter protocol.Meter, frame []byte) *llm.Error {
	t.measure(meter)
	failure := meter.Err()
	if failure.Upstream == nil { // the frame is no report of an error but broken itself
		return t.fail(meter, t.blame(failure))
	}
	failure = t.blame(failure)
	if !t.ans.abandon() {
		_ = t.settleAs(outcomeOf(t, failure), failure, len(frame)) // logged there
		_, _ = t.ans.Write(frame)
		t.ans.flush()
	}
	return failure
}

// passEnd handles the end of the connection. Some servers say why they
// stopped and then just close; anything less is a cut answer.
func (t *try) passEnd(meter protocol.Meter, err error) *llm.Error {
	t.measure(meter)
	if errors.Is(err, io.EOF) && meter.Stop().Reason != "" && !t.ans.left() {
		end := reframe(meter, nil, protocol.Last)
		if failure := t.settle(len(end)); failure != nil {
			return t.fail(meter, failure)
		}
		_, _ = t.ans.Write(end)
		return nil
	}
	return t.fail(meter, t.broken(err))
}

// fail tells a client in mid-stream, in its own protocol.
func (t *try) fail(meter protocol.Meter, failure *llm.Error) *llm.Error {
	if !t.ans.abandon() {
		frame := meter.AppendFailure(nil, failure)
		_ = t.settleAs(outcomeOf(t, failure), failure, len(frame)) // logged there
		_, _ = t.ans.Write(frame)
		t.ans.flush()
	}
	return failure
}

// passBody relays a whole answer. It is read to its end first: the record
// needs the usage, which comes last.
func (t *try) passBody(body io.Reader, header http.Header) *llm.Error {
	whole, failure := t.readWhole(body, header)
	if failure != nil {
		return failure
	}
	t.first()
	meter := t.call.Codec.NewMeter(t.call.Head)
	verdict := meter.Observe(whole)
	d, ok := meter.(protocol.Deferrer)
	used := meter.Usage()
	t.note(meter, ok && d.Deferred() && used.Empty())
	t.measure(meter)
	if verdict == protocol.Failure {
		return t.blame(meter.Err())
	}
	if mender, ok := t.call.Codec.(protocol.Mender); ok {
		whole = mender.Mend(t.call.Head, whole)
	}
	t.content = int64(len(whole))
	if failure := t.settle(len(whole)); failure != nil {
		return failure
	}
	t.keep(whole)
	t.call.ended(whole)
	kind := "application/json"
	if t.call.Head.Verbatim {
		kind = cmp.Or(header.Get("Content-Type"), kind)
	}
	h := t.reply(header, kind)
	contentLength(h, len(whole))
	t.ans.prepare(http.StatusOK, h)
	_, _ = t.ans.Write(whole)
	return nil
}

// maxPresize is how much memory is set aside for an answer on its word.
const maxPresize = 256 << 10

func (t *try) readWhole(body io.Reader, header http.Header) ([]byte, *llm.Error) {
	var whole bytes.Buffer
	if n, err := strconv.Atoi(header.Get("Content-Length")); err == nil && n > 0 {
		whole.Grow(min(n, maxPresize) + bytes.MinRead) // told, not proven: a large one grows as it comes
	}
	if _, err := whole.ReadFrom(body); err != nil {
		return nil, t.broken(err)
	}
	return whole.Bytes(), nil
}

// keep keeps an answer that its upstream does not, given its end.
func (t *try) keep(end []byte) {
	if t.cand.Target.Quirks.Stateless && t.call.Keep != nil {
		t.call.Keep(end)
	}
}

// note tells once where the answer lies, and whether what it uses is owed.
func (t *try) note(meter protocol.Meter, owed bool) {
	if t.noted || t.call.Note == nil || t.cand.Target.Quirks.Stateless {
		return
	}
	if id := meter.Meta().ID; id != "" {
		t.noted = true
		t.debt = t.call.Note(t.row.Provider, id, owed)
		t.owed = owed && t.debt != nil
	}
}

// measure takes over what the meter has seen. What is owed is told with its
// end, and booked by the first call that sees it.
func (t *try) measure(meter protocol.Meter) {
	t.row.Usage, t.row.Stop = meter.Usage(), meter.Stop()
	if (t.owed || t.call.Head.Owed) && !t.row.Usage.Empty() {
		if t.claimed = t.debt.claim(); !t.claimed {
			t.row.Usage = llm.Usage{} // another call has booked it
		}
	}
	t.served(meter.Meta())
}

// served notes what the upstream says of its answer.
func (t *try) served(meta llm.Meta) {
	t.row.Served = cmp.Or(meta.Model, t.row.Served)
	t.row.Tier = cmp.Or(meta.Tier, t.row.Tier)
	t.row.UpstreamID = cmp.Or(t.row.UpstreamID, meta.ID)
}
