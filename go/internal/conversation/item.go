package conversation

import (
	"crypto/rand"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

// Item is one piece of a conversation.
type Item struct {
	ID   string
	Body []byte // JSON object, with that id
}

// items returns the items of a list in their full form: with an id, a type,
// and for messages a status and a list of parts. What is no object is left
// out. Base makes the ids that are missing.
func items(list []byte, base string) []Item {
	var out []Item
	it := jsonscan.Elements(list)
	for n := 0; it.Next(); n++ {
		if jsonscan.KindOf(it.Value()) == jsonscan.Object {
			out = append(out, full(it.Value(), base+"_"+strconv.Itoa(n)))
		}
	}
	return out
}

const kindMessage = "message"

func full(item []byte, base string) Item {
	kind, _ := jsonscan.Text(jsonscan.Get(item, "type"))
	id, _ := jsonscan.Text(jsonscan.Get(item, "id"))
	role, _ := jsonscan.Text(jsonscan.Get(item, "role"))
	if kind == "" && role != "" {
		kind = kindMessage
	}
	if id == "" || len(id) > maxID {
		id = prefixOf(kind) + base
	}
	whole := object{out: []byte{'{'}}
	whole.put("id", jsonscan.AppendString(nil, id))
	if kind != "" {
		whole.put("type", jsonscan.AppendString(nil, kind))
	}
	content := jsonscan.Get(item, "content")
	if kind == kindMessage {
		if jsonscan.IsNull(jsonscan.Get(item, "status")) {
			whole.put("status", []byte(`"completed"`))
		}
		content = parts(role, content)
	}
	it := jsonscan.Members(item)
	for it.Next() {
		switch name := string(it.Key()); {
		case name == "id", name == "type", name == "status" && jsonscan.IsNull(it.Value()):
		case name == "content":
			whole.put(name, content)
		default:
			whole.put(name, it.Value())
		}
	}
	return Item{ID: id, Body: append(whole.out, '}')}
}

// Renamed is the item under a new id. Some servers number theirs from a small
// range, and clients send again what is there already.
func (i Item) Renamed() Item {
	kind, _ := jsonscan.Text(jsonscan.Get(i.Body, "type"))
	id := prefixOf(kind) + rand.Text()
	body, err := with(i.Body, "", member{"id", jsonscan.AppendString(nil, id)})
	if err != nil {
		return i
	}
	return Item{ID: id, Body: body}
}

// prefixOf is how the ids of items of a type begin.
func prefixOf(kind string) string {
	switch kind {
	case kindMessage:
		return "msg_"
	case "reasoning":
		return "rs_"
	case "function_call":
		return "fc_"
	case "custom_tool_call":
		return "ctc_"
	}
	return "item_"
}

// parts is what a message holds, as a list.
func parts(role string, content []byte) []byte {
	if jsonscan.KindOf(content) != jsonscan.String {
		return content
	}
	before, after := `[{"type":"input_text","text":`, `}]`
	if role == "assistant" {
		before, after = `[{"type":"output_text","text":`, `,"annotations":[]}]`
	}
	return append(append([]byte(before), content...), after...)
}

// list is items as an array.
func list(all []Item) []byte {
	out := []byte{'['}
	for i := range all {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, all[i].Body...)
	}
	return append(out, ']')
}

// sizeOf is what items take, in bytes.
func sizeOf(all []Item) (n int64) {
	for i := range all {
		n += int64(len(all[i].Body))
	}
	return n
}
