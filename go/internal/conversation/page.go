package conversation

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

// Page is a part of a list.
type Page struct {
	After string // id of the item before the first, "" none
	Limit int    // from 1 to 100
	Desc  bool   // latest first
}

// itemList is the answer to a question for items.
type itemList struct {
	Object  string            `json:"object"`
	Data    []json.RawMessage `json:"data"`
	FirstID *string           `json:"first_id"`
	LastID  *string           `json:"last_id"`
	HasMore bool              `json:"has_more"`
}

// ErrNoItem says that an item is not there.
var ErrNoItem = errors.New("no such item")

// InputItems writes a page of the items of an answer's own request.
func InputItems(rec Record, p Page) ([]byte, error) {
	it := jsonscan.Elements(rec.Input)
	var all []Item
	for it.Next() {
		id, _ := jsonscan.Text(jsonscan.Get(it.Value(), "id"))
		all = append(all, Item{ID: id, Body: it.Value()})
	}
	return p.Of(all)
}

// Of writes the page of a list that has the oldest first.
func (p Page) Of(all []Item) ([]byte, error) {
	if p.Desc {
		all = slices.Clone(all)
		slices.Reverse(all)
	}
	if p.After != "" {
		at := slices.IndexFunc(all, func(item Item) bool { return item.ID == p.After })
		if at < 0 {
			return nil, fmt.Errorf("after %q: %w", p.After, ErrNoItem)
		}
		all = all[at+1:]
	}
	list := itemList{Object: "list", Data: []json.RawMessage{}}
	if len(all) > p.Limit {
		all, list.HasMore = all[:p.Limit], true
	}
	for i := range all {
		list.Data = append(list.Data, all[i].Body)
	}
	if len(all) > 0 {
		list.FirstID, list.LastID = &all[0].ID, &all[len(all)-1].ID
	}
	return json.Marshal(list)
}
