package responses

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// OpenAI's own models sum a conversation up in a form that only they can read.
// Other models are asked for it in words, which travel in the same item.
const (
	askSummary = "The conversation above has grown too long and will be replaced by what you write now. " +
		"Write a summary from which you can carry on without the original: what the user asked for, word for word where it matters; " +
		"what has been done and decided and why; names of files, functions, commands and values that are still needed; " +
		"errors met and how they were solved; what is left to do and what the next step is. " +
		"Answer with the summary alone. Do not call a tool and do not continue the work."
	leadSummary = "The conversation before this point was replaced by this summary of it:\n\n"

	sealSummary = "summary" // kind of the envelope around it
)

var _ protocol.Summarizer = (*Codec)(nil)

// AskSummary implements protocol.Summarizer. The tools stay: calls in the
// history need them with some vendors.
func (*Codec) AskSummary(req *llm.Request) *llm.Request {
	last := len(req.Turns) - 1
	if last < 0 || len(req.Turns[last].Blocks) != 1 {
		return req
	}
	if b, ok := req.Turns[last].Blocks[0].(llm.Opaque); !ok || b.Field != itemTrigger {
		return req
	}
	asked := *req
	asked.Turns = slices.Clone(req.Turns)
	asked.Turns[last].Blocks = []llm.Block{llm.Text{Text: askSummary}}
	asked.Format, asked.ToolChoice = nil, nil
	if len(req.Tools) > 0 {
		asked.ToolChoice = &llm.ToolChoice{Mode: llm.ToolsNone}
	}
	return &asked
}

// endsInTrigger reports whether the last item of an input asks for a summary.
func endsInTrigger(input []byte) bool {
	if !bytes.Contains(input, []byte(itemTrigger)) || jsonscan.KindOf(input) != jsonscan.Array {
		return false
	}
	var last []byte
	for it := jsonscan.Elements(input); it.Next(); {
		last = it.Value()
	}
	return text(jsonscan.Get(last, "type")) == itemTrigger
}

// summary reads a summary that was made here. Of a vendor's own only the
// vendor can make use.
func (d *decoder) summary(at *protocol.Path, it *item) (done bool, err error) {
	seal := text(it.encrypted)
	if it.kind != itemCompaction || !protocol.Wrapped(seal) {
		return false, nil
	}
	e, ok := d.sealer.Unwrap(seal)
	if !ok || e.Kind != sealSummary {
		return false, protocol.Bad(at.Member("encrypted_content"), "it was not made by this gateway, so it cannot be read here")
	}
	d.turns.add(llm.User, llm.Text{Text: leadSummary + e.Text})
	return true, nil
}

// condenser writes an answer whose words are a summary: the client gets them
// in an envelope, as one item, and hands it back as it is.
type condenser struct {
	*writer

	words   []byte // escaped
	telling bool   // the block at hand is of the summary
	failure error
}

// Append appends what the client sees of an event.
func (c *condenser) Append(dst []byte, ev llm.Event) ([]byte, error) {
	dst, err := c.Take(dst, ev, c)
	if err == nil {
		err = c.failure
	}
	return dst, err
}

// Open begins a block.
func (c *condenser) Open(b llm.Block) { _, c.telling = b.(llm.Text) }

// Delta adds content to the block.
func (c *condenser) Delta(escaped []byte) {
	c.said += int64(len(escaped))
	if c.telling {
		c.words = append(c.words, c.block.pair.join(escaped)...)
	}
}

// Close ends the block.
func (c *condenser) Close(llm.Event) { c.words = append(c.words, c.block.pair.rest()...) }

// Finish ends the answer.
func (c *condenser) Finish(stop llm.Stop) {
	if len(c.words) == 0 || stop.Reason == llm.StopRefusal {
		c.failure = llm.Errorf(llm.BadUpstream, "The model did not sum the conversation up.")
		return
	}
	c.start(llm.Meta{})
	it := c.beginItem(itemCompaction, "cmp_")
	item := append([]byte(`{"id":`), jsonscan.AppendString(nil, it.id)...)
	item = append(item, `,"type":"compaction","encrypted_content":`...)
	item = jsonscan.AppendString(item, c.sealer.Wrap(protocol.Envelope{
		Origin: string(llm.Responses), Kind: sealSummary, Text: string(jsonscan.Unescape(nil, c.words)),
	}))
	item = append(item, '}')
	c.itemEvent("response.output_item.added", item)
	c.done(item)
	if c.head.Compaction == protocol.CompactionItem {
		c.writer.Finish(llm.Stop{Reason: llm.StopEnd})
		return
	}
	usage := c.total()
	c.Out = append(c.Out, `{"id":`...)
	c.Out = jsonscan.AppendString(c.Out, c.resp.meta.ID)
	c.Out = strconv.AppendInt(append(c.Out, `,"object":"response.compaction","created_at":`...), c.resp.meta.Created.Unix(), 10)
	c.Out = append(append(append(c.Out, `,"output":[`...), c.output...), `],"usage":`...)
	c.Out = append(appendUsage(c.Out, &usage), '}')
}
