package tokens

import (
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/tokens/bpe"
)

// EstimateRequest guesses the tokens of a request: instructions, turns, every
// kind of block, tools and schemas.
func EstimateRequest(req *llm.Request) int64 {
	c := counter{extra: perRequest}
	c.request(req)
	return c.total()
}

// maxCounted bounds the texts that are counted and not estimated, in bytes: no
// model reads more at a time, and counting takes up to a tenth of a
// second a mebibyte.
const maxCounted = 4 << 20

// CountRequest counts the tokens of a request with a published tokenizer, such
// as o200k_base: its texts exactly, what surrounds them as OpenAI documents it
// and media as EstimateRequest does. Without such a tokenizer, and for texts
// of more than 4 MiB, it is EstimateRequest, and exact is false.
func CountRequest(req *llm.Request, tokenizer string) (n int64, exact bool) {
	t := bpe.Find(tokenizer)
	if t == nil {
		return EstimateRequest(req), false
	}
	left := maxCounted
	c := counter{extra: perRequest, exact: t, left: &left}
	c.request(req)
	if left < 0 {
		return EstimateRequest(req), false
	}
	return c.total(), true
}

// count counts a text, as long as the texts are not too long.
func (c *counter) count(s string) {
	if *c.left -= len(s); *c.left >= 0 {
		c.extra += c.exact.Count(s)
	}
}

func (c *counter) request(req *llm.Request) {
	if len(req.System) > 0 {
		c.turn()
		c.blocks(req.System)
	}
	for i := range req.Turns {
		c.turn()
		c.piece(req.Turns[i].Name)
		c.blocks(req.Turns[i].Blocks)
	}
	if len(req.Tools) > 0 && c.exact == nil {
		c.extra += anyTool
	}
	for i := range req.Tools {
		c.tool(&req.Tools[i])
	}
	if f := req.Format; f != nil {
		c.extra += perTool
		c.piece(f.Name)
		c.piece(f.Description)
		c.raw(f.Schema)
	}
	for _, extra := range req.Extra {
		c.raw(extra.Raw)
	}
}

// turn adds the marks around a turn; the name of a role is a token of its own
// with the published tokenizers.
func (c *counter) turn() {
	c.extra += perTurn
	if c.exact != nil {
		c.extra++
	}
}

// piece weighs a text of its own.
func (c *counter) piece(s string) {
	if c.exact != nil {
		c.count(s)
		return
	}
	c.brk()
	text(c, s)
}

// raw weighs JSON as the model would read it: names, marks and all.
func (c *counter) raw(v []byte) {
	if c.exact != nil {
		c.count(string(v))
		return
	}
	c.brk()
	text(c, v)
}

func (c *counter) tool(t *llm.Tool) {
	c.extra += perTool
	c.piece(t.Namespace)
	c.piece(t.Name)
	if t.Deferred {
		return // the model sees a name until it loads the tool
	}
	c.piece(t.Description)
	c.raw(t.Schema)
	if g := t.Grammar; g != nil {
		c.piece(g.Definition)
	}
	switch {
	case t.Kind == llm.HostedTool:
		c.extra += vendorTool
	case len(t.Schema) == 0:
		c.raw(t.Raw)
	}
}

func (c *counter) blocks(blocks []llm.Block) {
	for _, b := range blocks {
		c.block(b)
	}
}

func (c *counter) block(b llm.Block) {
	switch b := b.(type) {
	case llm.Text:
		c.piece(b.Text)
		for _, cite := range b.Citations {
			c.raw(cite.Raw)
		}
	case llm.Media:
		c.media(&b)
	case llm.Thought:
		c.thought(&b)
	case llm.ToolCall:
		c.extra += perCall
		c.piece(b.Namespace)
		c.piece(b.Name)
		c.piece(b.Arguments)
	case llm.ToolResult:
		c.extra += perCall
		c.piece(b.Name)
		c.blocks(b.Blocks)
	case llm.ToolReference:
		c.extra += perTool
		c.piece(b.Name)
	case llm.Refusal:
		c.piece(b.Text)
	case llm.Opaque:
		c.raw(b.Raw)
	}
}

// thought weighs what the upstream will read: the text, or what is sealed if
// that is more, since a summary may stand for long reasoning.
func (c *counter) thought(b *llm.Thought) {
	text := counter{exact: c.exact, left: c.left}
	text.piece(b.Text)
	c.extra += max(text.total(), sealed(len(b.Seal)))
}

// sealed is the guess for encrypted reasoning of n characters of base64. The
// envelope is some 650 bytes; a token of text is about four.
func sealed(n int) int64 { return max(0, int64(n)*3/4-650) / 4 }
