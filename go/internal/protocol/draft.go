package protocol

import "github.com/tokligence/tokligence-gateway/go/internal/llm"

// Draft takes in the events of an answer for a protocol that has one block
// open at a time: what such writers have in common. A writer embeds it and
// appends to Out what each event makes the client see.
type Draft struct {
	Out   []byte    // where the bytes of the event at hand go
	Usage llm.Usage // as far as it was told

	order    Sequence
	emit     func(llm.Event) error // made once: it would cost an object for each event
	findings []llm.Finding
	over     bool
}

// Blocks is a writer's own half. Blocks come one after the other; Begin comes
// before them if the upstream says what answer it is.
type Blocks interface {
	Begin(meta *llm.Meta)
	Open(b llm.Block)
	Delta(escaped []byte)
	Close(end llm.Event)
	Finish(stop llm.Stop)
	Failed(err *llm.Error)
}

// Take appends to dst what ev makes the client see.
func (d *Draft) Take(dst []byte, ev llm.Event, own Blocks) ([]byte, error) {
	if d.over {
		return dst, nil
	}
	if d.emit == nil {
		d.emit = func(ev llm.Event) error {
			d.over = ev.Type == llm.Finish
			tell(own, ev)
			return nil
		}
	}
	d.Out = dst
	var err error
	switch ev.Type {
	case llm.Start:
		own.Begin(ev.Meta)
	case llm.Metered:
		if ev.Usage != nil {
			d.Usage.Merge(ev.Usage)
		}
	case llm.Failed:
		d.over = true
		own.Failed(ev.Err)
	case llm.BlockStart, llm.BlockDelta, llm.BlockEnd, llm.Finish:
		err = d.order.Push(ev, d.emit)
	}
	dst, d.Out = d.Out, nil
	return dst, err
}

func tell(own Blocks, ev llm.Event) {
	switch ev.Type {
	case llm.BlockStart:
		own.Open(ev.Block)
	case llm.BlockDelta:
		own.Delta(ev.Delta)
	case llm.BlockEnd:
		own.Close(ev)
	case llm.Finish:
		own.Finish(ev.Stop)
	default:
	}
}

// Note adds a finding about the answer.
func (d *Draft) Note(class llm.FindingClass, field, reason string) {
	d.findings = append(d.findings, llm.Finding{Class: class, Field: field, Reason: reason})
}

// Findings lists what the answer could not carry. Ask after the end.
func (d *Draft) Findings() []llm.Finding { return d.findings }
