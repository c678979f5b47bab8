package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// entry is one model in LiteLLM's table. Prices are USD per token.
type entry struct {
	Provider  string      `json:"litellm_provider"`
	Mode      string      `json:"mode"`
	MaxInput  json.Number `json:"max_input_tokens"`
	MaxOutput json.Number `json:"max_output_tokens"`

	Tools   *bool `json:"supports_function_calling"`
	Vision  *bool `json:"supports_vision"`
	Schemas *bool `json:"supports_response_schema"`

	Fee   json.Number                `json:"input_cost_per_request"`
	Steps []map[string]any           `json:"tiered_pricing"`
	More  map[string]json.RawMessage `json:"provider_specific_entry"`
}

// modes are the kinds of model whose prices are by token.
var modes = []string{
	"chat", "responses", "completion", "embedding", "realtime", "moderation",
	"image_generation", "audio_transcription", "audio_speech",
}

// priceKey reads LiteLLM's price names: what, above which prompt, which tier.
var priceKey = regexp.MustCompile(`^(.+?)(_above_1hr)?(?:_above_(\d+)k_tokens)?(?:_(priority|flex|batches))?$`)

var litellmClass = map[string]class{
	"input_cost_per_token":            input,
	"cache_read_input_token_cost":     cacheRead,
	"cache_creation_input_token_cost": cacheWrite5m,
	"output_cost_per_token":           output,
	"output_cost_per_reasoning_token": reasoning,
	"input_cost_per_audio_token":      audioIn,
	"output_cost_per_audio_token":     audioOut,
	"input_cost_per_image_token":      imageIn,
	"output_cost_per_image_token":     imageOut,
}

func readLiteLLM(text []byte, p *plan, shelves map[string]*shelf) error {
	var table map[string]json.RawMessage
	if err := json.Unmarshal(text, &table); err != nil {
		return err
	}
	delete(table, "sample_spec") // documentation, not a model
	for _, key := range slices.Sorted(maps.Keys(table)) {
		raw := table[key]
		var e entry
		if err := json.Unmarshal(raw, &e); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if !slices.Contains(modes, e.Mode) {
			continue
		}
		for name, rules := range p.Providers {
			if !slices.Contains(rules.LiteLLM, e.Provider) {
				continue
			}
			id, ok := rules.litellmID(key)
			if !ok {
				continue
			}
			o, err := e.offer(raw)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			o.entry = key
			shelves[name].put(litellm, id, o)
		}
	}
	return nil
}

func (e *entry) offer(raw json.RawMessage) (*offer, error) {
	o := &offer{
		own: true, maxInput: number(e.MaxInput), maxOutput: number(e.MaxOutput), fees: e.Fee != "",
		tools: e.Tools, vision: e.Vision, schemas: e.Schemas,
	}
	if o.maxOutput >= o.maxInput {
		o.maxOutput = 0 // the window, not a limit of the answer
	}
	q, err := e.quote(raw)
	if err != nil {
		return nil, err
	}
	o.zero = free(q)
	dropZeros(q)
	if len(q) > 0 {
		o.periods = []period{{quote: q}}
	}
	return o, nil
}

func (e *entry) quote(raw json.RawMessage) (quote, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var fields map[string]any
	if err := dec.Decode(&fields); err != nil {
		return nil, err
	}
	q := quote{}
	for key, v := range fields {
		n, isNumber := v.(json.Number)
		s, ok := litellmSlot(key)
		if !ok || !isNumber {
			continue
		}
		price, err := usdPerToken(n.String())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		q[s] = price
	}
	if err := e.addSteps(q); err != nil {
		return nil, err
	}
	return q, e.addFast(q)
}

// litellmSlot reads the name of a price.
func litellmSlot(key string) (slot, bool) {
	m := priceKey.FindStringSubmatch(key)
	if m == nil {
		return slot{}, false
	}
	s := slot{tier: standard}
	c, ok := litellmClass[m[1]]
	if !ok {
		return slot{}, false
	}
	s.class = c
	if m[2] != "" {
		if c != cacheWrite5m {
			return slot{}, false
		}
		s.class = cacheWrite1h
	}
	if m[3] != "" {
		k, err := strconv.ParseInt(m[3], 10, 32)
		if err != nil {
			return slot{}, false
		}
		s.above = k * 1000
	}
	switch m[4] {
	case "batches":
		s.tier = "batch"
	case "priority", "flex":
		s.tier = m[4]
	}
	return s, true
}

// addSteps reads the other way in which prices by prompt size are written.
func (e *entry) addSteps(q quote) error {
	for _, step := range e.Steps {
		bounds, ok := step["range"].([]any)
		if !ok || len(bounds) == 0 {
			continue
		}
		from, _ := bounds[0].(float64)
		for key, v := range step {
			s, ok := litellmSlot(key)
			usd, isNumber := v.(float64)
			if !ok || !isNumber {
				continue
			}
			price, err := usdPerToken(strconv.FormatFloat(usd, 'g', -1, 64))
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			s.above = int64(from)
			q[s] = price
		}
	}
	return nil
}

// addFast adds the tier that is stated as a multiple of the standard price.
func (e *entry) addFast(q quote) error {
	raw, ok := e.More["fast"]
	if !ok {
		return nil
	}
	var times float64
	if err := json.Unmarshal(raw, &times); err != nil || times != float64(int64(times)) {
		return fmt.Errorf("fast: %s is no whole multiple", raw)
	}
	for s, price := range q {
		if s.tier == standard {
			s.tier = "fast"
			q[s] = price * nano(times)
		}
	}
	return nil
}

// litellmID turns a key of LiteLLM's table into the id of the provider.
func (r *providerRules) litellmID(key string) (string, bool) {
	id := key
	for _, prefix := range r.Strip {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			id = rest
			break
		}
	}
	return id, id != "" && (r.Slashes || !strings.Contains(id, "/"))
}

func number(n json.Number) int {
	f, err := n.Float64()
	if err != nil || f < 0 || f > 1e9 {
		return 0
	}
	return int(f)
}

// free reports whether a price list names prices and all of them are zero.
func free(q quote) bool {
	for _, price := range q {
		if price != 0 {
			return false
		}
	}
	return len(q) > 0
}

// dropZeros removes prices of zero: in the sources they mean that nothing is
// known as often as that nothing is charged.
func dropZeros(q quote) {
	for s, price := range q {
		if price == 0 {
			delete(q, s)
		}
	}
}
