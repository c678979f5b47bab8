package api

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Mount puts every inference path on r.
func (d *Door) Mount(r gin.IRouter) {
	d.mountOpenAI(r)
	d.mountAnthropic(r)
	d.mountGemini(r)
	d.mountPlain(r)
}

func (d *Door) mountOpenAI(r gin.IRouter) {
	r.POST("/v1/chat/completions", d.serve(llm.Chat, llm.Generate))
	r.POST("/v1/responses", d.serve(llm.Responses, llm.Generate))
	r.GET("/v1/responses", d.noSocket)
	if d.counts(llm.Responses) {
		r.POST("/v1/responses/input_tokens", d.countInput)
	}
	if _, ok := d.codecs[llm.Responses].(protocol.Summarizer); ok {
		r.POST("/v1/responses/compact", d.compact)
	}
	d.mountKept(r)
	d.mountThreads(r)
	r.POST("/v1/embeddings", d.serve(llm.Chat, llm.Embed))
	get(r, "/v1/models", d.listModels(llm.Chat))
	get(r, "/v1/models/*id", d.getModel(llm.Chat))
}

// get answers HEAD as well: the server leaves the body out.
func get(r gin.IRouter, path string, handler gin.HandlerFunc) {
	r.GET(path, handler)
	r.HEAD(path, handler)
}

// mountAnthropic serves both path families, and the doubled version that
// clients make when their base URL already ends in /v1.
func (d *Door) mountAnthropic(r gin.IRouter) {
	for _, base := range []string{"/v1", "/anthropic/v1", "/anthropic/v1/v1"} {
		r.POST(base+"/messages", d.serve(llm.Messages, llm.Generate))
		r.POST(base+"/messages/count_tokens", d.countTokens)
	}
	for _, base := range []string{"/anthropic/v1", "/anthropic/v1/v1"} {
		get(r, base+"/models", d.listModels(llm.Messages))
		get(r, base+"/models/*id", d.getModel(llm.Messages))
	}
	for _, path := range []string{"/anthropic", "/anthropic/"} {
		get(r, path, greet)
	}
}

// greet answers the probe that clients make before their first call.
func greet(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"name": "Tokligence Gateway", "protocol": string(llm.Messages)})
}

// NotFound answers a path that nothing serves, in the protocol of its family.
func (d *Door) NotFound(c *gin.Context) {
	hint := "Served are " + strings.Join(served(), ", ") + "."
	if near := nearPath(c.Request.URL.Path); near != "" {
		hint = "Did you mean " + near + "? Look at the client's base URL."
	}
	d.Refuse(c.Writer, c.Request, llm.Errorf(llm.NotFound, "Unknown path: %s %s. %s", c.Request.Method, c.Request.URL.Path, hint))
}

// served are the paths that a client's base URL should lead to.
func served() []string {
	return []string{
		"/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/models",
		"/anthropic/v1/messages", "/anthropic/v1/messages/count_tokens",
		"/v1beta/models/{model}:generateContent",
	}
}

// nearPath is the path that was meant where a base URL has too little or too
// much in front: no version, a doubled one, a folder or slash of its own.
func nearPath(path string) string {
	path = strings.TrimRight(path, "/")
	for _, s := range served() {
		_, tail, _ := strings.Cut(s, "/v1")
		if strings.HasSuffix(path, tail) {
			return s
		}
	}
	return ""
}

// noSocket declines the WebSocket form of Responses with the status on which
// Codex goes on by HTTP at once and for good; any other it tries again.
func (d *Door) noSocket(c *gin.Context) {
	if !strings.EqualFold(c.GetHeader("Upgrade"), "websocket") {
		d.WrongMethod(c)
		return
	}
	d.Refuse(c.Writer, c.Request, &odd{status: http.StatusUpgradeRequired, words: &llm.Error{
		Kind: llm.Invalid, Code: "websocket_not_supported", Message: "Responses are served by HTTP only: POST /v1/responses.",
	}})
}

// WrongMethod answers a known path asked in the wrong way.
func (d *Door) WrongMethod(c *gin.Context) {
	err := &odd{status: http.StatusMethodNotAllowed, words: &llm.Error{
		Kind: llm.Invalid, Code: "method_not_allowed",
		Message: "Method " + c.Request.Method + " is not allowed for " + c.Request.URL.Path + ".",
	}}
	d.Refuse(c.Writer, c.Request, err)
}

// family tells which protocol a path belongs to.
func family(r *http.Request) llm.Protocol {
	path := r.URL.Path
	if strings.HasPrefix(path, "/anthropic") || strings.HasPrefix(path, "/v1/messages") {
		return llm.Messages
	}
	if strings.HasPrefix(path, "/v1/responses") || strings.HasPrefix(path, "/v1/conversations") {
		return llm.Responses
	}
	if isGoogle(r) {
		return llm.Gemini
	}
	if r.Header.Get("Anthropic-Version") != "" {
		return llm.Messages
	}
	return llm.Chat
}
