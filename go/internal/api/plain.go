package api

import (
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
)

// mountPlain serves what is only passed on.
func (d *Door) mountPlain(r gin.IRouter) {
	if d.codecs[llm.Plain] == nil {
		return
	}
	for path, op := range map[string]llm.Operation{
		"/v1/completions":          llm.Complete,
		"/v1/moderations":          llm.Moderate,
		"/v1/images/generations":   llm.GenerateImage,
		"/v1/images/edits":         llm.EditImage,
		"/v1/images/variations":    llm.VaryImage,
		"/v1/audio/speech":         llm.Speak,
		"/v1/audio/transcriptions": llm.Transcribe,
		"/v1/audio/translations":   llm.TranslateAudio,
		"/v1/rerank":               llm.Rerank,
		"/v2/rerank":               llm.Rerank,
		"/rerank":                  llm.Rerank,
	} {
		r.POST(path, d.serve(llm.Plain, op))
	}
	for path, op := range map[string]llm.Operation{"/v1/files": llm.Files, "/v1/batches": llm.Batches} {
		r.POST(path, d.serveNamed(op, ""))
		get(r, path, d.serveNamed(op, ""))
		get(r, path+"/:id", d.serveNamed(op, ""))
	}
	r.DELETE("/v1/files/:id", d.serveNamed(llm.Files, ""))
	get(r, "/v1/files/:id/content", d.serveNamed(llm.Files, "/content"))
	r.POST("/v1/batches/:id/cancel", d.serveNamed(llm.Batches, "/cancel"))
}

// formPeeker is a codec that reads forms.
type formPeeker interface {
	PeekForm(op llm.Operation, body []byte, boundary string) (protocol.Head, error)
}

// peek reads the head of a body, by its type.
func peek(codec protocol.Codec, op llm.Operation, r *http.Request, body []byte) (protocol.Head, error) {
	forms, ok := codec.(formPeeker)
	if !ok {
		return codec.Peek(op, body)
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return codec.Peek(op, body)
	}
	return forms.PeekForm(op, body, params["boundary"])
}

// providerParam names the provider of an operation without a model, in the
// query or as a header.
const providerParam = "x-tokligence-provider"

// serveNamed handles what belongs to a provider's account and not to a model.
// Tail follows the id in the path.
func (d *Door) serveNamed(op llm.Operation, tail string) gin.HandlerFunc {
	codec := d.codecs[llm.Plain]
	return func(c *gin.Context) {
		body := d.newBody()
		defer body.release()
		call, err := d.admitNamed(c, codec, op, tail, body)
		if err == nil {
			err = d.proxy.Serve(c.Request.Context(), c.Writer, call)
		}
		if err != nil {
			d.refuse(c.Writer, codec, call.Head, err)
		}
	}
}

// admitNamed reads and authenticates a request. The call it returns is good
// for an error answer even when err is not nil.
func (d *Door) admitNamed(c *gin.Context, codec protocol.Codec, op llm.Operation, tail string, body *body) (*proxy.Call, error) {
	r := c.Request
	call := &proxy.Call{
		ID: RequestID(c.Writer), Codec: codec, Started: time.Now(),
		Head: protocol.Head{Operation: op, RequestID: RequestID(c.Writer), Verbatim: true, Unread: tail == "/content"},
	}
	who, err := d.principal(r)
	if err == nil {
		err = mayShare(&who)
	}
	if err != nil {
		return call, err
	}
	call.Principal = who
	if call.Path, err = below(c.Param("id"), tail); err != nil {
		return call, err
	}
	if call.Provider, err = d.named(r, op); err != nil {
		return call, err
	}
	call.Method = asGet(r.Method)
	call.Header, call.Query = travelling(r.Header), queryOf(r, "after", "before", "limit", "order", "purpose")
	if call.Method != http.MethodPost {
		return call, nil
	}
	call.MIME = r.Header.Get("Content-Type")
	call.Body, err = body.read(c.Writer, r)
	return call, err
}

// mayShare refuses who must not see what others left at the provider: the
// account there is one for all, and the gateway does not know whose a file is.
// A batch names models inside a file, where a key's limits would not be seen.
func mayShare(who *identity.Principal) error {
	if !who.Role.Covers(identity.Admin) {
		return llm.Errorf(llm.Forbidden, "Files and batches belong to the provider's account, which all users share; "+
			"only an administrator may use them, and the role %q is none.", who.Role)
	}
	if who.Models != nil {
		return llm.Errorf(llm.Forbidden, "This API key may use certain models only; files and batches are not for such keys.")
	}
	return nil
}

// below is the path below an operation's own.
func below(id, tail string) (string, error) {
	if id == "" {
		return "", nil
	}
	if len(id) > 256 || strings.Trim(id, ".") == "" || strings.ContainsFunc(id, func(r rune) bool {
		return r != '-' && r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return "", llm.Errorf(llm.Invalid, "%q is no id of a file or batch.", id)
	}
	return "/" + id + tail, nil
}

// named is the provider that is meant: the one that the client names or the
// only one that can.
func (d *Door) named(r *http.Request, op llm.Operation) (string, error) {
	name := r.URL.Query().Get(providerParam)
	if name == "" {
		name = r.Header.Get(providerParam)
	}
	if name != "" {
		return name, nil
	}
	able := d.router.Holders(op)
	if len(able) == 1 {
		return able[0], nil
	}
	err := llm.Errorf(llm.Invalid, "No provider that is configured has %s.", op)
	if len(able) > 1 {
		err = llm.Errorf(llm.Invalid, "Several providers have %s: name one of %s in the header or query parameter %s.",
			op, strings.Join(able, ", "), providerParam)
	}
	err.Code = "provider_required"
	return "", err
}

// asGet is the method to ask an upstream with: an answer to HEAD is one to GET
// whose body the server leaves out.
func asGet(method string) string {
	if method == http.MethodHead {
		return http.MethodGet
	}
	return method
}

// queryOf is the part of a query that has these names.
func queryOf(r *http.Request, names ...string) string {
	all := r.URL.Query()
	for name := range all {
		if !slices.Contains(names, name) {
			all.Del(name)
		}
	}
	return all.Encode()
}
