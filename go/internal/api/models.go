package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/singleflight"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

// Lists returns the providers that can say which models they have, by name.
type Lists func() map[string]provider.Lister

const (
	modelsTimeout = 5 * time.Second  // how long a slow provider may hold up the list
	modelsRetry   = 30 * time.Second // until one that did not answer is asked again
)

// modelList knows the models that can be called now. What a provider reported
// is kept for a while, and kept on when it does not answer.
type modelList struct {
	router Router
	lists  Lists
	log    *slog.Logger
	flight singleflight.Group

	mu    sync.Mutex
	known map[string]reported // by provider
}

type reported struct {
	at     time.Time
	failed bool
	models []provider.ModelInfo
}

// fresh reports whether there is no need to ask again.
func (r *reported) fresh(keep time.Duration) bool {
	if r.failed {
		keep = min(keep, modelsRetry)
	}
	return time.Since(r.at) < keep
}

func newModelList(router Router, lists Lists, log *slog.Logger) *modelList {
	return &modelList{router: router, lists: lists, log: log, known: make(map[string]reported)}
}

// callable returns the models that who may call: real ids, each once, each
// with a route. A model that another provider answers to by that id is listed
// as provider/id.
func (m *modelList) callable(ctx context.Context, who identity.Principal, keep time.Duration) []protocol.ModelCard {
	var cards []protocol.ModelCard
	seen := make(map[string]bool)
	add := func(card protocol.ModelCard) {
		if card.ID == "" || seen[card.ID] || strings.ContainsAny(card.ID, "*?") || !m.callableBy(who, card.ID) {
			return
		}
		seen[card.ID] = true
		cards = append(cards, card)
	}
	reported := m.refresh(ctx, keep) // first: what is known without them depends on it
	for name, models := range reported {
		for _, info := range models {
			id := m.router.NameFor(name, info.ID)
			add(protocol.ModelCard{
				ID: id, OwnedBy: name, DisplayName: cmp.Or(info.DisplayName, id), Created: info.Created,
				MaxInput: info.MaxInput, MaxOutput: info.MaxOutput,
			})
		}
	}
	for _, ref := range m.router.Known() { // after those of whom more is known
		add(protocol.ModelCard{ID: ref.ID, OwnedBy: ref.Provider, DisplayName: ref.ID})
	}
	return protocol.SortCards(cards)
}

func (m *modelList) callableBy(who identity.Principal, id string) bool {
	q := route.Query{Principal: who, Protocol: llm.Chat, Operation: llm.Generate, Model: id}
	if m.router.Callable(q) {
		return true
	}
	q.Operation = llm.Embed
	return m.router.Callable(q)
}

// refresh asks the providers whose list has grown old, side by side.
func (m *modelList) refresh(ctx context.Context, keep time.Duration) map[string][]provider.ModelInfo {
	var wg sync.WaitGroup
	lists := m.lists()
	for name, lister := range lists {
		m.mu.Lock()
		entry := m.known[name]
		m.mu.Unlock()
		if entry.fresh(keep) {
			continue
		}
		wg.Go(func() { m.ask(ctx, name, lister) })
	}
	wg.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string][]provider.ModelInfo, len(lists))
	for name := range lists {
		out[name] = m.known[name].models
	}
	return out
}

func (m *modelList) ask(ctx context.Context, name string, lister provider.Lister) {
	_, _, _ = m.flight.Do(name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), modelsTimeout)
		defer cancel()
		models, err := lister.Models(ctx)
		m.mu.Lock()
		defer m.mu.Unlock()
		entry := m.known[name]
		entry.at, entry.failed = time.Now(), err != nil
		if err != nil {
			m.log.Warn("a provider's model list is not to be had", "provider", name, "error", err.Error())
		} else {
			entry.models = models
			m.router.Learn(name, ids(models))
		}
		m.known[name] = entry
		return nil, nil
	})
}

func ids(models []provider.ModelInfo) []string {
	out := make([]string, len(models))
	for i := range models {
		out[i] = models[i].ID
	}
	return out
}

// modelWriter is a codec that has a form for model lists.
type modelWriter interface {
	EncodeModels(cards []protocol.ModelCard, query url.Values) []byte
	EncodeModel(card protocol.ModelCard) []byte
}

// listing picks the form: the path's, or Anthropic's where the client says
// that it speaks it.
func (d *Door) listing(r *http.Request, name llm.Protocol) protocol.Codec {
	if r.Header.Get("Anthropic-Version") != "" {
		name = llm.Messages
	}
	return d.codecs[name]
}

func (d *Door) cards(c *gin.Context) ([]protocol.ModelCard, error) {
	who, err := d.principal(c.Request)
	if err != nil {
		return nil, err
	}
	keep := time.Duration(d.limits.Load().ModelsCache) * time.Second
	return d.models.callable(c.Request.Context(), who, keep), nil
}

func (d *Door) listModels(name llm.Protocol) gin.HandlerFunc {
	return func(c *gin.Context) {
		cards, err := d.cards(c)
		if err != nil {
			d.Refuse(c.Writer, c.Request, err)
			return
		}
		send(c.Writer, http.StatusOK, d.listing(c.Request, name).(modelWriter).EncodeModels(cards, c.Request.URL.Query()))
	}
}

func (d *Door) getModel(name llm.Protocol) gin.HandlerFunc {
	return func(c *gin.Context) {
		id := strings.TrimPrefix(c.Param("id"), "/")
		cards, err := d.cards(c)
		if err != nil {
			d.Refuse(c.Writer, c.Request, err)
			return
		}
		for _, card := range cards {
			if card.ID == id {
				send(c.Writer, http.StatusOK, d.listing(c.Request, name).(modelWriter).EncodeModel(card))
				return
			}
		}
		d.Refuse(c.Writer, c.Request, llm.Errorf(llm.ModelNotFound, "The model %q does not exist or you do not have access to it.", id))
	}
}
