package provider

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

const (
	maxList  = 16 << 20 // bytes of a page
	maxPages = 20
)

// Models returns the ids that were configured, else those the upstream says
// it serves, else those that are known to be its own.
func (p *HTTP) Models(ctx context.Context) ([]ModelInfo, error) {
	switch {
	case p.lacks != nil:
		return nil, p.lack()
	case len(p.models) > 0:
		return infos(p.models...), nil
	}
	list := p.lister()
	if list == "" {
		return infos(p.preset.Defaults.Large, p.preset.Defaults.Small), nil
	}
	e := p.endpoints[place{llm.ListModels, list}]
	var all []ModelInfo
	at := e.url
	first, next := "", ""
	switch list {
	case llm.Messages:
		first, next = "limit=1000", "&after_id="
	case llm.Gemini:
		first, next = "pageSize=1000", "&pageToken="
	default:
	}
	if first != "" {
		at = withQuery(e.url, first)
	}
	for range maxPages {
		page, err := p.page(ctx, at, e)
		if err != nil {
			return nil, err
		}
		for _, m := range page.models {
			all = append(all, m.info(p.preset.StripID))
		}
		if !page.more || page.last == "" || next == "" {
			break
		}
		at = withQuery(e.url, first+next+url.QueryEscape(page.last))
	}
	return all, nil
}

// infos lists ids, each once.
func infos(ids ...string) []ModelInfo {
	out := make([]ModelInfo, 0, len(ids))
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if id != "" && !seen[id] {
			seen[id] = true
			out = append(out, ModelInfo{ID: id})
		}
	}
	return out
}

func withQuery(u *url.URL, query string) *url.URL {
	with := *u
	with.RawQuery = query
	return &with
}

type modelPage struct {
	models []modelEntry
	more   bool
	last   string
}

// page asks for one page of the list.
func (p *HTTP) page(ctx context.Context, at *url.URL, e *endpoint) (modelPage, error) {
	resp, err := p.send(ctx, http.MethodGet, at, e.header, &Request{}, e.streamTimeout)
	if err != nil {
		return modelPage{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxList))
	if err != nil {
		return modelPage{}, p.unreachable(ctx, err)
	}
	if resp.StatusCode/100 != 2 {
		return modelPage{}, p.refusal(resp.StatusCode)
	}
	page, err := parseModels(body)
	if err != nil {
		bad := p.bad("The model list of the upstream %s cannot be read: check %s.", p.name, p.addressHint())
		bad.Err = err
		return modelPage{}, bad
	}
	return page, nil
}

// refusal says what a status means for whoever configured the provider.
func (p *HTTP) refusal(status int) *llm.Error {
	var e *llm.Error
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		e = p.bad("The upstream %s refuses the key (status %d): check api_key or %s.", p.name, status, p.variable("API_KEY"))
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		e = p.bad("The upstream %s has no model list at this address (status %d): check %s.", p.name, status, p.addressHint())
	default:
		e = p.bad("The upstream %s refuses its model list (status %d).", p.name, status)
	}
	e.Upstream.Status = status
	return e
}

// modelEntry is one model in any of the forms that servers use.
type modelEntry struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	DisplayName string          `json:"display_name"`
	Created     json.RawMessage `json:"created"`    // seconds
	CreatedAt   json.RawMessage `json:"created_at"` // RFC 3339, or seconds

	// Google's own list has names instead of ids.
	OwnDisplay string `json:"displayName"`
	InputLimit int    `json:"inputTokenLimit"`
	OutputMost int    `json:"outputTokenLimit"`

	// The same thing in the words of Anthropic, OpenRouter and Together,
	// Groq, Mistral, vLLM.
	MaxInput      int `json:"max_input_tokens"`
	ContextLength int `json:"context_length"`
	ContextWindow int `json:"context_window"`
	MaxContext    int `json:"max_context_length"`
	MaxModelLen   int `json:"max_model_len"`

	MaxOutput     int `json:"max_tokens"`
	MaxCompletion int `json:"max_completion_tokens"`
	Top           struct {
		MaxCompletion int `json:"max_completion_tokens"`
	} `json:"top_provider"`
}

func (m *modelEntry) info(strip string) ModelInfo {
	info := ModelInfo{
		ID: strings.TrimPrefix(cmp.Or(m.ID, m.Name), strip), DisplayName: cmp.Or(m.DisplayName, m.OwnDisplay, m.Name),
		MaxInput:  cmp.Or(m.MaxInput, m.InputLimit, m.ContextLength, m.ContextWindow, m.MaxContext, m.MaxModelLen),
		MaxOutput: cmp.Or(m.MaxOutput, m.OutputMost, m.MaxCompletion, m.Top.MaxCompletion),
		Created:   moment(m.Created),
	}
	if info.Created.IsZero() {
		info.Created = moment(m.CreatedAt)
	}
	return info
}

// moment reads a time in seconds or in RFC 3339; zero when it is neither.
func moment(raw json.RawMessage) time.Time {
	var seconds float64
	if json.Unmarshal(raw, &seconds) == nil && seconds > 0 && seconds < 1e11 {
		return time.Unix(int64(seconds), 0).UTC()
	}
	var t time.Time
	if json.Unmarshal(raw, &t) == nil {
		return t.UTC()
	}
	return time.Time{}
}

// parseModels reads a list: an object with data, or a bare array.
func parseModels(body []byte) (modelPage, error) {
	var list struct {
		Data    []modelEntry `json:"data"`
		Models  []modelEntry `json:"models"` // Google's own form
		Next    string       `json:"nextPageToken"`
		HasMore bool         `json:"has_more"`
		LastID  string       `json:"last_id"`
	}
	var err error
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		err = json.Unmarshal(body, &list.Data)
	} else {
		err = json.Unmarshal(body, &list)
	}
	if err != nil {
		return modelPage{}, err
	}
	page := modelPage{more: list.HasMore || list.Next != "", last: cmp.Or(list.Next, list.LastID)}
	for _, m := range list.Models {
		if m.Name != "" {
			page.models = append(page.models, m)
		}
	}
	for _, m := range list.Data {
		if m.ID != "" {
			page.models = append(page.models, m)
		}
	}
	return page, nil
}
