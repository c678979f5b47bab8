// Package fixtureupstream is a vendor made of files: it answers each call with
// the recorded answer of the case that the model name says. It serves tests
// that run real clients through the real gateway.
//
// The model "case-03-tool-call" answers that case; "error-rate_limit" answers
// that error; "midway" fails in the middle of a stream.
package fixtureupstream

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Vendor answers in one protocol, "chat", "messages" or "gemini"; one of chat answers
// Responses as well, as OpenAI does, and what is no conversation.
type Vendor struct {
	Protocol string
	Dir      string // of the fixtures

	mu      sync.Mutex
	calls   []Call
	kept    map[string]map[string]any // files and batches, by id
	content map[string]string         // of files
}

// Call is a request as it arrived.
type Call struct {
	Path   string
	Header http.Header
	Body   map[string]any
}

// Calls returns what has arrived so far.
func (v *Vendor) Calls() []Call {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]Call(nil), v.calls...)
}

// ServeHTTP answers one call.
func (v *Vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	call := Call{Path: r.URL.Path, Header: r.Header.Clone()}
	if len(raw) > 0 {
		if kind := r.Header.Get("Content-Type"); strings.HasPrefix(kind, "multipart/") {
			call.Body, err = fields(kind, raw)
		} else {
			err = json.Unmarshal(raw, &call.Body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	v.mu.Lock()
	v.calls = append(v.calls, call)
	v.mu.Unlock()
	if v.plain(w, r.Method, call) {
		return
	}
	if err := v.answer(w, call); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (v *Vendor) answer(w http.ResponseWriter, call Call) error {
	if strings.HasSuffix(call.Path, "/models") {
		return v.models(w)
	}
	if strings.HasSuffix(call.Path, ":embedContent") || strings.HasSuffix(call.Path, ":batchEmbedContents") {
		embedGoogle(w, call)
		return nil
	}
	if strings.HasSuffix(call.Path, "/embeddings") {
		return v.embeddings(w, call)
	}
	model, _ := call.Body["model"].(string)
	stream, _ := call.Body["stream"].(bool)
	if v.Protocol == "gemini" { // it says both in the path
		_, call, _ := strings.Cut(call.Path, "/models/")
		model, call, _ = strings.Cut(call, ":")
		stream = call == "streamGenerateContent"
	}
	// Routes tell the vendors apart by a prefix: chat-case-… and messages-case-….
	model = strings.TrimPrefix(model, v.Protocol+"-")
	if name, ok := strings.CutPrefix(model, "error-"); ok {
		return v.refuse(w, name)
	}
	name := strings.TrimPrefix(model, "case-")
	if model == "midway" {
		name = "21-stream-error"
	}
	speaks := v.Protocol
	if strings.HasSuffix(call.Path, "/responses") {
		speaks = "responses"
	}
	file, contentType := speaks+".response.json", "application/json"
	if stream {
		file, contentType = speaks+".stream.sse", "text/event-stream"
	}
	body, err := os.ReadFile(filepath.Join(v.Dir, name, file))
	if err != nil {
		return fmt.Errorf("no such case: %w", err)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Request-Id", "req_vendor_1")
	_, err = w.Write(body)
	return err
}

func (v *Vendor) refuse(w http.ResponseWriter, name string) error {
	raw, err := os.ReadFile(filepath.Join(v.Dir, "20-errors", name+".json"))
	if err != nil {
		return err
	}
	type answer struct {
		Status  int
		Headers map[string]string
		Body    json.RawMessage
	}
	var file struct {
		Chat     answer `json:"chat_and_responses"`
		Messages answer `json:"messages"`
		Gemini   answer `json:"gemini"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return err
	}
	a := file.Chat
	switch v.Protocol {
	case "messages":
		a = file.Messages
	case "gemini":
		a = file.Gemini
	}
	for name, value := range a.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.Status)
	_, err = w.Write(a.Body)
	return err
}

func (v *Vendor) models(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	list := `{"object":"list","data":[{"id":"chat-case-01-plain","object":"model","created":1776000000,"owned_by":"openai"}]}`
	if v.Protocol == "messages" {
		list = `{"data":[{"type":"model","id":"messages-case-01-plain","display_name":"Plain","created_at":"2025-09-29T00:00:00Z"}],` +
			`"has_more":false,"first_id":"messages-case-01-plain","last_id":"messages-case-01-plain"}`
	}
	if v.Protocol == "gemini" {
		list = `{"models":[{"name":"models/gemini-case-01-plain","displayName":"Plain","inputTokenLimit":1000,"outputTokenLimit":100}]}`
	}
	_, err := io.WriteString(w, list)
	return err
}

func (v *Vendor) embeddings(w http.ResponseWriter, call Call) error {
	file := "embeddings.response.json"
	if call.Body["encoding_format"] == "base64" {
		file = "embeddings.base64.response.json"
	}
	body, err := os.ReadFile(filepath.Join(v.Dir, "40-small", file))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(body)
	return err
}
