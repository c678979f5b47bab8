package provider

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// suffix is what follows the base path of a protocol, "" where the protocol
// has no such operation.
func suffix(op llm.Operation, name llm.Protocol) string {
	switch (place{op, name}) {
	case place{llm.Generate, llm.Chat}:
		return "/chat/completions"
	case place{llm.Generate, llm.Responses}:
		return "/responses"
	case place{llm.Generate, llm.Messages}:
		return "/messages"
	case place{llm.CountTokens, llm.Messages}:
		return "/messages/count_tokens"
	case place{llm.CountTokens, llm.Responses}:
		return "/responses/input_tokens"
	case place{llm.Compact, llm.Responses}:
		return "/responses/compact"
	case place{llm.Embed, llm.Chat}:
		return "/embeddings"
	case place{llm.Generate, llm.Gemini}, place{llm.CountTokens, llm.Gemini}, place{llm.Embed, llm.Gemini}, place{llm.ListModels, llm.Gemini}:
		return "/models" // and the model, see withModel
	case place{llm.ListModels, llm.Chat}, place{llm.ListModels, llm.Responses}, place{llm.ListModels, llm.Messages}:
		return "/models"
	}
	if name == llm.Plain {
		return plainSuffix(op)
	}
	return ""
}

func plainSuffix(op llm.Operation) string {
	switch op {
	case llm.Complete:
		return "/completions"
	case llm.Moderate:
		return "/moderations"
	case llm.GenerateImage:
		return "/images/generations"
	case llm.EditImage:
		return "/images/edits"
	case llm.VaryImage:
		return "/images/variations"
	case llm.Speak:
		return "/audio/speech"
	case llm.Transcribe:
		return "/audio/transcriptions"
	case llm.TranslateAudio:
		return "/audio/translations"
	case llm.Rerank:
		return "/rerank"
	case llm.Files:
		return "/files"
	case llm.Batches:
		return "/batches"
	case llm.Recall:
		return "/responses"
	default:
		return ""
	}
}

// pasted are ends of addresses that people copy from an example call.
var pasted = [...]string{"/chat/completions", "/responses/input_tokens", "/responses/compact", "/responses", "/embeddings", "/messages/count_tokens", "/messages", "/models"}

// versioned matches a last path segment such as v1, v4 or v1beta.
var versioned = regexp.MustCompile(`^v[0-9]+((alpha|beta)[0-9]*)?$`)

// address is a base URL taken apart.
type address struct {
	root *url.URL // what the paths hang on, without a slash at its end
	path string   // the path below it that the user wrote, "" for none
}

// parseAddress reads a base URL as people write them: with or without the
// path of the protocol, whole or in part, with one slash too many, with the
// version doubled, or as the address of a call.
func parseAddress(text string, paths map[llm.Protocol][]string) (address, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		// The error of url.Parse repeats the text, which may hold a password.
		return address{}, errors.New("the base URL cannot be read")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return address{}, errors.New("the base URL must begin with http:// or https://")
	case u.Hostname() == "":
		return address{}, errors.New("the base URL names no host")
	case u.User != nil:
		return address{}, errors.New("the base URL holds a user or password; a key has a setting of its own")
	case u.RawQuery != "" || u.Fragment != "":
		return address{}, errors.New("the base URL must not hold a query or a fragment")
	}
	u.Host = strings.ToLower(u.Host)
	path := squeeze(u.Path)
	for _, end := range pasted {
		path = strings.TrimSuffix(path, end)
	}
	root, written := cut(path, paths)
	u.Path, u.RawPath, u.ForceQuery = root, "", false
	return address{root: u, path: written}, nil
}

// squeeze drops empty segments.
func squeeze(path string) string {
	var b strings.Builder
	for segment := range strings.SplitSeq(path, "/") {
		if segment != "" {
			b.WriteString("/" + segment)
		}
	}
	return b.String()
}

// cut splits a path into what precedes the path of a protocol, and that. The
// longest of all ends that begin a known path is taken.
func cut(path string, paths map[llm.Protocol][]string) (root, written string) {
	end := ""
	for _, known := range paths {
		for _, full := range known {
			for part := full; part != ""; part = part[:strings.LastIndexByte(part, '/')] {
				if len(part) >= len(end) && strings.HasSuffix(path, part) && (len(part) > len(end) || full < written) {
					end, written = part, full
				}
			}
		}
	}
	if end != "" {
		root = strings.TrimSuffix(path, end)
		for strings.HasSuffix(root, end) { // /v1/v1
			root = strings.TrimSuffix(root, end)
		}
		return root, written
	}
	if i := strings.LastIndexByte(path, '/'); i >= 0 && versioned.MatchString(path[i+1:]) {
		return path[:i], path[i:]
	}
	return path, ""
}

func isVersion(path string) bool { return versioned.MatchString(strings.TrimPrefix(path, "/")) }

// base returns the address that the operations of a protocol hang on: the
// path that was written if it is one of the protocol's own, else the usual.
func (a address) base(name llm.Protocol, p *Preset) string {
	known := p.paths(name)
	if len(known) == 0 {
		known = []string{"/v1"}
	}
	path := known[0]
	for _, own := range known {
		if own == a.path {
			path = own
		}
	}
	// A version that is no path of the preset, such as /v4: who writes it means
	// it, and all that OpenAI's protocols and those beside them hang on.
	usual := p.Paths[llm.Chat]
	beside := name != llm.Messages || isVersion(path) || len(usual) > 0 && usual[0] == path
	if isVersion(a.path) && beside && !p.hasPath(a.path) {
		path = a.path
	}
	return a.root.String() + path
}

// hasPath reports whether a path is that of one of the protocols.
func (p *Preset) hasPath(path string) bool {
	for _, known := range p.Paths {
		if slices.Contains(known, path) {
			return true
		}
	}
	return false
}

// withModel returns the address of a call in a protocol that has the model and
// what is asked of it in the path. The model is one segment, whatever is in it.
func withModel(u *url.URL, req *Request) *url.URL {
	method := ":generateContent"
	with := *u
	switch {
	case req.Operation == llm.CountTokens:
		method = ":countTokens"
	case req.Operation == llm.Embed && req.Batch:
		method = ":batchEmbedContents"
	case req.Operation == llm.Embed:
		method = ":embedContent"
	case req.Stream:
		method, with.RawQuery = ":streamGenerateContent", "alt=sse"
	}
	with.RawPath = u.EscapedPath() + "/" + url.PathEscape(req.Model) + method
	with.Path = u.Path + "/" + req.Model + method
	return &with
}

// origin is what a credential is bound to.
func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }
