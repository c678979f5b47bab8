package gemini

import (
	"fmt"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// part is one part as it came.
type part struct {
	text, inline, file, call, response []byte
	signature                          string
	thought                            bool
	other                              string // a member that says what else it is
}

// readPart takes a part apart.
func readPart(at *protocol.Path, v []byte) (part, error) {
	var p part
	err := members(at, v, func(at *protocol.Path, name string, v []byte) error {
		switch name {
		case "text":
			p.text = v
		case "inlineData":
			p.inline = v
		case "fileData":
			p.file = v
		case "functionCall":
			p.call = v
		case "functionResponse":
			p.response = v
		case "thought":
			return protocol.ReadFlag(at, v, &p.thought)
		case "thoughtSignature":
			return protocol.ReadText(at, v, &p.signature)
		case "videoMetadata", "mediaResolution", "partMetadata":
		default:
			p.other = name
		}
		return nil
	})
	return p, err
}

// part reads one part of a turn. The signature of a text is a thought of its
// own after it: text has no place for one.
func (d *decoder) part(at *protocol.Path, v []byte) ([]llm.Block, error) {
	p, err := readPart(at, v)
	if err != nil {
		return nil, err
	}
	var b llm.Block
	switch {
	case p.call != nil:
		b, err = d.call(at.Member("functionCall"), &p)
	case p.response != nil:
		b, err = d.response(at.Member("functionResponse"), p.response)
	case p.inline != nil:
		b, err = media(at.Member("inlineData"), p.inline, v)
	case p.file != nil:
		b, err = media(at.Member("fileData"), p.file, v)
	case p.other != "":
		b = llm.Opaque{Origin: llm.Gemini, Field: p.other, Raw: protocol.Raw(v)}
	default:
		return d.wording(at, &p)
	}
	return []llm.Block{b}, err
}

// wording reads a part that is words, thoughts, or nothing but a signature.
func (d *decoder) wording(at *protocol.Path, p *part) ([]llm.Block, error) {
	var words string
	switch {
	case p.text != nil:
		if err := protocol.ReadText(at.Member("text"), p.text, &words); err != nil {
			return nil, err
		}
	case p.signature == "":
		return nil, protocol.Bad(at, "one of text, inlineData, fileData, functionCall or functionResponse must be set")
	}
	if p.thought {
		return []llm.Block{d.thought(words, p.signature)}, nil
	}
	var blocks []llm.Block
	if words != "" || p.signature == "" {
		blocks = append(blocks, llm.Text{Text: words})
	}
	if p.signature != "" {
		t := d.thought("", p.signature)
		t.Redacted = true
		blocks = append(blocks, t)
	}
	return blocks, nil
}

// thought reads reasoning: the vendor's own, or that of another in our
// envelope. An envelope that is not ours seals nothing.
func (d *decoder) thought(words, signature string) llm.Thought {
	own := llm.Thought{Text: words, Seal: signature, Origin: string(origin)}
	e, wrapped, ok := unwrap(d.sealer, signature)
	switch {
	case !wrapped:
		return own
	case !ok:
		return llm.Thought{Text: words}
	}
	return llm.Thought{
		Text: words + e.Text, Seal: e.Seal, Origin: e.Origin, ID: e.ItemID,
		Redacted: e.Kind == sealRedacted, Raw: e.Kind == sealRaw,
	}
}

// call reads a call. Older models give no id: the order of calls and
// responses of one name then tells them apart.
func (d *decoder) call(at *protocol.Path, p *part) (llm.Block, error) {
	c := llm.ToolCall{Kind: llm.FunctionTool, Arguments: "{}", Seal: p.signature}
	if c.Seal != "" {
		c.Origin = string(origin)
	}
	if e, wrapped, ok := unwrap(d.sealer, c.Seal); wrapped {
		c.Seal, c.Origin = "", ""
		if ok {
			c.Seal, c.Origin = e.Seal, e.Origin
		}
	}
	if c.Seal == skipSignature {
		c.Seal, c.Origin = "", ""
	}
	err := members(at, p.call, func(at *protocol.Path, name string, v []byte) error {
		switch name {
		case "id":
			return protocol.ReadText(at, v, &c.ID)
		case "name":
			return protocol.ReadText(at, v, &c.Name)
		case "args":
			if jsonscan.KindOf(v) != jsonscan.Object {
				return protocol.Wrong(at, "an object", v)
			}
			c.Arguments = string(compact(v))
		}
		return nil
	})
	if err == nil && c.Name == "" {
		err = protocol.Missing(at.Member("name"))
	}
	if c.ID == "" {
		c.ID = mintID(d.calls)
	}
	d.calls++
	d.open[c.Name] = append(d.open[c.Name], call{c.ID})
	return c, err
}

// mintID is the id of the nth call of a request that names none. Any process
// makes the same. It names a call within the request only: the next answer may
// have calls of its own.
func mintID(n int) string { return fmt.Sprintf("call_%d", n) }

// response reads what a tool answered.
func (d *decoder) response(at *protocol.Path, v []byte) (llm.Block, error) {
	r := llm.ToolResult{Kind: llm.FunctionTool}
	var response, parts []byte
	err := members(at, v, func(at *protocol.Path, name string, v []byte) error {
		switch name {
		case "id":
			return protocol.ReadText(at, v, &r.CallID)
		case "name":
			return protocol.ReadText(at, v, &r.Name)
		case "response":
			if jsonscan.KindOf(v) != jsonscan.Object {
				return protocol.Wrong(at, "an object", v)
			}
			response = v
		case "parts":
			parts = v
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.match(&r)
	words, failed := output(response)
	r.Blocks, r.Failed = []llm.Block{llm.Text{Text: words}}, failed
	if parts == nil {
		return r, nil
	}
	err = protocol.EachElement(at.Member("parts"), parts, func(v []byte, at *protocol.Path) error {
		blocks, err := d.part(at, v)
		r.Blocks = append(r.Blocks, blocks...)
		return err
	})
	return r, err
}

// match finds the call that a result answers.
func (d *decoder) match(r *llm.ToolResult) {
	waiting := d.open[r.Name]
	for i, c := range waiting {
		if r.CallID == "" || r.CallID == c.id {
			r.CallID = c.id
			d.open[r.Name] = append(waiting[:i:i], waiting[i+1:]...)
			return
		}
	}
}

// output returns what a tool said. The documented form is one member output
// or error; anything else is kept as JSON.
func output(response []byte) (words string, failed bool) {
	it := jsonscan.Members(response)
	n := 0
	var name string
	var value []byte
	for it.Next() {
		n++
		name, value = string(it.Key()), it.Value()
	}
	if n != 1 || name != "output" && name != "error" && name != "result" {
		return string(response), false
	}
	if s, ok := jsonscan.Text(value); ok {
		return s, name == "error"
	}
	return string(value), name == "error"
}

// media reads inlineData or fileData.
func media(at *protocol.Path, v, whole []byte) (llm.Block, error) {
	m := llm.Media{Origin: llm.Gemini}
	err := members(at, v, func(at *protocol.Path, name string, v []byte) error {
		switch name {
		case "mimeType":
			return protocol.ReadText(at, v, &m.MIME)
		case "data":
			return protocol.ReadText(at, v, &m.Data)
		case "displayName":
			return protocol.ReadText(at, v, &m.Name)
		case "fileUri":
			return locate(at, v, &m)
		}
		return nil
	})
	switch kind, _, _ := strings.Cut(m.MIME, "/"); kind {
	case "image":
		m.Kind = llm.Image
	case "audio":
		m.Kind = llm.Audio
	case "video":
		m.Kind = llm.Video
	default:
		m.Kind = llm.Document
	}
	if hasMore(whole) {
		m.Raw = protocol.Raw(whole)
	}
	return m, err
}

// hasMore reports whether a part says more of its medium than a block holds.
func hasMore(whole []byte) bool {
	it := jsonscan.Members(whole)
	for it.Next() {
		switch camel(string(it.Key())) {
		case "videoMetadata", "mediaResolution", "partMetadata", "thoughtSignature":
			return true
		}
	}
	return false
}

// fileHost holds the files of the vendor's own file service.
const fileHost = "https://generativelanguage.googleapis.com/"

func locate(at *protocol.Path, v []byte, m *llm.Media) error {
	var uri string
	if err := protocol.ReadText(at, v, &uri); err != nil {
		return err
	}
	if strings.HasPrefix(uri, fileHost) || !strings.HasPrefix(uri, "http") {
		m.FileID = uri
		return nil
	}
	m.URL = uri
	return nil
}
