package api

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"time"

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

// ModelList knows the models that can be called now. What a provider reported
// is kept for a while, and kept on when it does not answer.
type ModelList struct {
	router Router
	lists  Lists
	failed func(provider string, err error)
	flight singleflight.Group

	mu    sync.Mutex
	known map[string]reported // by provider
}

type reported struct {
	at     time.Time
	failed bool
	models []provider.ModelInfo
}

// Forget makes the list ask everybody anew: other keys see other models.
func (m *ModelList) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, entry := range m.known {
		entry.at = time.Time{}
		m.known[name] = entry
	}
}

// fresh reports whether there is no need to ask again.
func (r *reported) fresh(keep time.Duration) bool {
	if r.failed {
		keep = min(keep, modelsRetry)
	}
	return time.Since(r.at) < keep
}

// NewModelList returns a list that has asked nobody yet. Failed is told which
// provider did not say what it has; it may be called from several goroutines.
func NewModelList(router Router, lists Lists, failed func(provider string, err error)) *ModelList {
	return &ModelList{router: router, lists: lists, failed: failed, known: make(map[string]reported)}
}

// Callable returns the models that who may call: real ids, each once, each
// with a route. What a provider said is kept for so long. A model that another
// provider answers to by that id is listed as provider/id.
func (m *ModelList) Callable(ctx context.Context, who identity.Principal, keep time.Duration) []protocol.ModelCard {
	var cards []protocol.ModelCard
	seen := make(map[string]bool)
	add := func(card protocol.ModelCard) {
		if card.ID == "" || seen[card.ID] || strings.ContainsAny(card.ID, "*?") {
			return
		}
		if _, err := m.answerer(who, card.ID); err != nil {
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
				MaxInput: info.MaxInput, MaxOutput: info.MaxOutput, Embeds: m.router.Embeds(name, info.ID),
			})
		}
	}
	for _, ref := range m.router.Known() { // after those of whom more is known
		add(protocol.ModelCard{ID: ref.ID, OwnedBy: ref.Provider, DisplayName: ref.ID, Embeds: m.router.Embeds(ref.Provider, ref.ID)})
	}
	return protocol.SortCards(cards)
}

// Find returns the model that answers who by this id, listed or not: a route
// may lead ids that no provider reports. Errors are those of the router.
func (m *ModelList) Find(ctx context.Context, who identity.Principal, id string, keep time.Duration) (protocol.ModelCard, error) {
	for _, card := range m.Callable(ctx, who, keep) {
		if card.ID == id {
			return card, nil
		}
	}
	owner, err := m.answerer(who, id)
	return protocol.ModelCard{ID: id, OwnedBy: owner, DisplayName: id, Embeds: m.router.Embeds(owner, id)}, err
}

func (m *ModelList) answerer(who identity.Principal, id string) (string, error) {
	q := route.Query{Principal: who, Protocol: llm.Chat, Operation: llm.Generate, Model: id}
	owner, err := m.router.Answerer(q)
	if err != nil {
		q.Operation = llm.Embed
		if owner, err := m.router.Answerer(q); err == nil {
			return owner, nil
		}
	}
	return owner, err
}

// refresh asks the providers whose list has grown old, side by side.
func (m *ModelList) refresh(ctx context.Context, keep time.Duration) map[string][]provider.ModelInfo {
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

func (m *ModelList) ask(ctx context.Context, name string, lister provider.Lister) {
	_, _, _ = m.flight.Do(name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), modelsTimeout)
		defer cancel()
		models, err := lister.Models(ctx)
		m.mu.Lock()
		defer m.mu.Unlock()
		entry := m.known[name]
		entry.at, entry.failed = time.Now(), err != nil
		if err != nil {
			m.failed(name, err)
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
