package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// canary is the gateway's key at every vendor.
const canary = "sk-canary-0123456789abcdef"

var leak = regexp.MustCompile(`leak-[a-z0-9]+`)

// talkative fails in the way that the model names, and repeats the key it was
// sent in all it says.
func talkative(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") + r.Header.Get("X-Api-Key") + r.Header.Get("X-Goog-Api-Key")
	fault := strings.TrimPrefix(leak.FindString(r.URL.Path+string(body)), "leak-")
	words := fmt.Sprintf(`{"type":"error","error":{"type":"server_error","code":"server_error","status":"INTERNAL","message":"no luck with %s"}}`, key)
	say := func(status int, kind, text string) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
	switch fault {
	case "page":
		say(500, "text/html", "<html>"+key+"</html>")
	case "text":
		say(400, "text/plain", key+" is not good")
	case "body":
		say(200, "application/json", words)
	case "stream", "late":
		begun := ""
		if fault == "late" {
			begun = opening(r.URL.Path)
		}
		event := ""
		if !strings.Contains(r.URL.Path, "chat") && !strings.Contains(r.URL.Path, "models") {
			event = "event: error\n"
		}
		say(200, "text/event-stream", begun+event+"data: "+words+"\n\n")
	default:
		status := 500
		_, _ = fmt.Sscan(fault, &status)
		say(status, "application/json", words)
	}
}

// opening is how an answer begins in the protocol of a path, with content.
func opening(path string) string {
	switch {
	case strings.Contains(path, "chat"):
		return chunk
	case strings.Contains(path, "messages"):
		return `data: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}` + "\n\n" +
			`data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}` + "\n\n" +
			`data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"word"}}` + "\n\n"
	case strings.Contains(path, "responses"):
		return `data: {"type":"response.created","sequence_number":0,"response":{"id":"r","model":"m","output":[]}}` + "\n\n" +
			`data: {"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"type":"message","id":"i","role":"assistant","content":[]}}` + "\n\n" +
			`data: {"type":"response.output_text.delta","sequence_number":2,"output_index":0,"content_index":0,"item_id":"i","delta":"word"}` + "\n\n"
	}
	return `data: {"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"word"}]}}],"responseId":"r","modelVersion":"m"}` + "\n\n"
}

// TestVendorsThatRepeatTheKey holds the gateway's own key back from clients
// and from the log, whatever a vendor says, in every protocol.
func TestVendorsThatRepeatTheKey(t *testing.T) {
	vendor := httptest.NewServer(http.HandlerFunc(talkative))
	t.Cleanup(vendor.Close)
	d := daemon.Start(t, "TOKLIGENCE_ROUTES=chat-*=>openai,messages-*=>anthropic,gemini-*=>gemini", "TOKLIGENCE_ROUTING_ATTEMPTS=1",
		"TOKLIGENCE_LOG_LEVEL=debug", "TOKLIGENCE_ROUTING_COOLDOWN=1ms",
		"TOKLIGENCE_OPENAI_API_KEY="+canary, "TOKLIGENCE_OPENAI_BASE_URL="+vendor.URL+"/v1",
		"TOKLIGENCE_ANTHROPIC_API_KEY="+canary, "TOKLIGENCE_ANTHROPIC_BASE_URL="+vendor.URL,
		"TOKLIGENCE_GEMINI_API_KEY="+canary, "TOKLIGENCE_GEMINI_BASE_URL="+vendor.URL, "TOKLIGENCE_PROVIDERS_GEMINI_PROTOCOLS=gemini")
	for _, fault := range []string{"400", "401", "403", "404", "418", "429", "500", "503", "page", "text", "body", "stream", "late"} {
		for _, up := range []string{"chat", "messages", "gemini"} {
			model := up + "-leak-" + fault
			for _, stream := range []bool{false, true} {
				for path, body := range map[string]string{
					"/v1/chat/completions": fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":"q"}]}`, model, stream),
					"/v1/messages":         fmt.Sprintf(`{"model":%q,"stream":%v,"max_tokens":9,"messages":[{"role":"user","content":"q"}]}`, model, stream),
					"/v1/responses":        fmt.Sprintf(`{"model":%q,"stream":%v,"store":false,"input":"q"}`, model, stream),
					"/v1beta/models/" + model + map[bool]string{true: ":streamGenerateContent?alt=sse", false: ":generateContent"}[stream]: `{"contents":[{"role":"user","parts":[{"text":"q"}]}]}`,
				} {
					r := told(t, d, path, body)
					if strings.Contains(r, canary) || !strings.Contains(r, "error") {
						t.Errorf("%s %s, stream %v: %s", path, model, stream, r)
					}
				}
			}
		}
	}
	if logs := d.Logs(); strings.Contains(logs, canary) {
		at := strings.Index(logs, canary)
		t.Errorf("the log holds the key: …%s", logs[max(0, at-400):at+len(canary)])
	}
	for _, row := range d.Ledger(t) {
		if strings.Contains(fmt.Sprintf("%+v", row), canary) {
			t.Errorf("the ledger holds the key: %+v", row)
		}
	}
}

// told asks the daemon and returns all of its answer.
func told(t *testing.T, d *daemon.Daemon, path, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+daemon.Key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Sprintf("error: %v %s", err, answer) // a body that was cut
	}
	return fmt.Sprintf("%v %s", resp.Header, answer)
}
