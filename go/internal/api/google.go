package api

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// mountGemini serves Google's paths. The model and the method are one segment,
// models/{model}:{method}, and a model may hold slashes. Under /v1 the list of
// models is OpenAI's.
func (d *Door) mountGemini(r gin.IRouter) {
	for _, base := range []string{"/v1beta", "/v1"} {
		r.POST(base+"/models/*id", d.google)
	}
	get(r, "/v1beta/models", d.listModels(llm.Gemini))
	get(r, "/v1beta/models/*id", d.getModel(llm.Gemini))
}

// isGoogle reports whether a request is of Google's protocol. A model of
// another may have a colon too, but is never posted to.
func isGoogle(r *http.Request) bool {
	path := r.URL.Path
	return fromGoogle(r) && strings.HasPrefix(path, "/v1/models") || path == "/v1beta" || strings.HasPrefix(path, "/v1beta/") ||
		r.Method == http.MethodPost && strings.HasPrefix(path, "/v1/models/")
}

// fromGoogle reports whether a client of Google's asks. The newest ones use
// /v1, where the list of models is OpenAI's for others.
func fromGoogle(r *http.Request) bool {
	return r.Header.Get("X-Goog-Api-Client") != "" || r.Header.Get("X-Goog-Api-Key") != ""
}

// google answers a call of a method of a model.
func (d *Door) google(c *gin.Context) {
	model, method := cutMethod(c.Request.URL)
	codec := d.codecs[llm.Gemini]
	path := asked{model: model}
	switch method {
	case "generateContent":
		d.serveIn(c, codec, llm.Generate, path)
	case "streamGenerateContent":
		path.stream, path.array = true, c.Query("alt") != "sse"
		d.serveIn(c, codec, llm.Generate, path)
	case "embedContent", "batchEmbedContents":
		path.batch = method == "batchEmbedContents"
		d.serveIn(c, codec, llm.Embed, path)
	case "countTokens":
		d.countIn(c, codec, path)
	default:
		d.NotFound(c)
	}
}

// cutMethod takes the model and the method out of a path. The model may be
// percent-encoded, a colon in it too.
func cutMethod(u *url.URL) (model, method string) {
	path := u.EscapedPath()
	_, path, _ = strings.Cut(path, "/models/")
	i := strings.LastIndexByte(path, ':')
	if i < 0 {
		return "", ""
	}
	model, err := url.PathUnescape(path[:i])
	if err != nil || model == "" {
		return "", ""
	}
	return strings.TrimPrefix(model, "models/"), path[i+1:]
}
