package fixtureupstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
)

// Sound is what every text is spoken as: no text, so that whoever reads it as
// such breaks it.
var Sound = []byte{'I', 'D', '3', 0, 0xff, 0xfb, 0x90, '\n', '\r', 0x80}

// fields are the parts of a form; a file is its content.
func fields(contentType string, raw []byte) (map[string]any, error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	form := multipart.NewReader(bytes.NewReader(raw), params["boundary"])
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		out[part.FormName()] = string(text)
		if name := part.FileName(); name != "" {
			out["filename"] = name
		}
	}
}

// plain answers what is no conversation. It reports false for anything else.
func (v *Vendor) plain(w http.ResponseWriter, method string, call Call) bool {
	if v.Protocol != "chat" {
		return false
	}
	stream := call.Body["stream"] == true || call.Body["stream"] == "true"
	tell := func(events ...string) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, ev := range events {
			_, _ = fmt.Fprintf(w, "data: %s\n\n", ev)
		}
	}
	_, path, _ := strings.Cut(call.Path, "/v1")
	switch {
	case path == "/images/generations" && stream:
		tell(`{"type":"image_generation.partial_image","partial_image_index":0,"b64_json":"AAAA"}`,
			`{"type":"image_generation.completed","b64_json":"iVBORw0KGgo=","usage":{"total_tokens":30,"input_tokens":10,"output_tokens":20}}`)
	case path == "/images/generations":
		say(w, `{"created":1,"data":[{"b64_json":"iVBORw0KGgo="}],"usage":{"total_tokens":30,"input_tokens":10,"output_tokens":20}}`)
	case path == "/images/edits":
		say(w, fmt.Sprintf(`{"created":1,"data":[{"revised_prompt":%q}]}`, fmt.Sprint(call.Body["filename"], " ", call.Body["prompt"])))
	case path == "/audio/speech":
		w.Header().Set("Content-Type", "audio/mpeg")
		_, _ = w.Write(Sound)
	case path == "/audio/transcriptions" && stream:
		tell(`{"type":"transcript.text.delta","delta":"Hello"}`,
			`{"type":"transcript.text.done","text":"Hello","usage":{"type":"tokens","input_tokens":9,"output_tokens":2,"total_tokens":11}}`)
	case path == "/audio/transcriptions", path == "/audio/translations":
		say(w, fmt.Sprintf(`{"text":%q,"usage":{"type":"tokens","input_tokens":9,"output_tokens":2,"total_tokens":11}}`,
			fmt.Sprint(call.Body["filename"], " of ", len(call.Body["file"].(string)))))
	case path == "/moderations":
		say(w, `{"id":"modr-1","model":"moderation","results":[{"flagged":true,"categories":{"violence":true},"category_scores":{"violence":0.9}}]}`)
	case strings.HasPrefix(path, "/files"), strings.HasPrefix(path, "/batches"):
		v.shelf(w, method, path, call)
	default:
		return false
	}
	return true
}

func say(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, body)
}

// shelf keeps files and batches.
func (v *Vendor) shelf(w http.ResponseWriter, method, path string, call Call) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.kept == nil {
		v.kept, v.content = map[string]map[string]any{}, map[string]string{}
	}
	kind, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	id, tail, _ := strings.Cut(rest, "/")
	thing := v.kept[id]
	switch {
	case method == http.MethodPost && id == "":
		id = fmt.Sprintf("%s-%d", kind, len(v.kept)+1)
		thing = map[string]any{
			"id": id, "object": strings.TrimSuffix(kind, "s"), "status": "validating", "input_file_id": call.Body["input_file_id"],
			"filename": call.Body["filename"], "purpose": call.Body["purpose"], "created_at": 1, "bytes": 1, "endpoint": "/v1/responses", "completion_window": "24h",
		}
		v.content[id], _ = call.Body["file"].(string)
		v.kept[id] = thing
	case id == "":
		list := []any{}
		for name, one := range v.kept {
			if strings.HasPrefix(name, kind) {
				list = append(list, one)
			}
		}
		thing = map[string]any{"object": "list", "data": list, "has_more": false}
	case thing == nil:
		w.WriteHeader(http.StatusNotFound)
		thing = map[string]any{"error": map[string]any{"message": "No such thing: " + id, "type": "invalid_request_error", "code": nil, "param": "id"}}
	case tail == "content":
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = io.WriteString(w, v.content[id])
		return
	case tail == "cancel":
		thing["status"] = "cancelling"
	case method == http.MethodDelete:
		delete(v.kept, id)
		thing = map[string]any{"id": id, "object": "file", "deleted": true}
	}
	body, err := json.Marshal(thing)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	say(w, string(body))
}

// embedGoogle answers embedContent and batchEmbedContents.
func embedGoogle(w http.ResponseWriter, call Call) {
	const one = `{"values":[0.5,-0.25]}`
	requests, batch := call.Body["requests"].([]any)
	if !batch {
		say(w, `{"embedding":`+one+`}`)
		return
	}
	say(w, `{"embeddings":[`+strings.TrimSuffix(strings.Repeat(one+",", len(requests)), ",")+`],"usageMetadata":{"promptTokenCount":4}}`)
}
