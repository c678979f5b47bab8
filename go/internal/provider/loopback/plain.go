package loopback

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

// complete echoes the prompt, in a stream as one piece.
func (c *call) complete() *http.Response {
	prompt, ok := jsonscan.Text(jsonscan.Get(c.body, "prompt"))
	if !ok {
		prompt = string(jsonscan.Get(c.body, "prompt"))
	}
	used := (len(prompt) + 3) / 4
	head := `{"id":"cmpl-` + randomID() + `","object":"text_completion","created":` + strconv.FormatInt(c.provider.now().Unix(), 10) +
		`,"model":` + string(jsonscan.AppendString(nil, c.head.Model)) + `,"choices":[`
	choice := `{"text":` + string(jsonscan.AppendString(nil, prompt)) + `,"index":0,"logprobs":null,"finish_reason":"stop"}`
	usage := `"usage":{"prompt_tokens":` + strconv.Itoa(used) + `,"completion_tokens":` + strconv.Itoa(used) +
		`,"total_tokens":` + strconv.Itoa(2*used) + `}}`
	if !c.head.Stream {
		return c.whole([]byte(head + choice + `],` + usage))
	}
	stream := "data: " + head + choice + "]}\n\n"
	if c.head.WantUsage {
		stream += "data: " + head + "]," + usage + "\n\n"
	}
	stream += "data: [DONE]\n\n"
	return c.respond(http.StatusOK, "text/event-stream", newWhole(c.ctx, []byte(stream), &c.words), int64(len(stream)))
}

// categories are those of the vendor's judgement.
var categories = [...]string{
	"harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
	"self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
}

// moderate finds nothing wrong with any input.
func (c *call) moderate() *http.Response {
	n := 1
	if input := jsonscan.Get(c.body, "input"); jsonscan.KindOf(input) == jsonscan.Array {
		n = 0
		for it := jsonscan.Elements(input); it.Next(); n++ {
			if jsonscan.KindOf(it.Value()) == jsonscan.Object {
				n = 1 // parts of one input
				break
			}
		}
	}
	var flags, scores bytes.Buffer
	for i, name := range categories {
		if i > 0 {
			flags.WriteByte(',')
			scores.WriteByte(',')
		}
		flags.WriteString(`"` + name + `":false`)
		scores.WriteString(`"` + name + `":0`)
	}
	result := `{"flagged":false,"categories":{` + flags.String() + `},"category_scores":{` + scores.String() + `}}`
	b := []byte(`{"id":"modr-` + randomID() + `","model":`)
	b = jsonscan.AppendString(b, c.head.Model)
	b = append(b, `,"results":[`...)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, result...)
	}
	return c.whole(append(b, `]}`...))
}
