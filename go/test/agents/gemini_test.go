package agents_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// gemini speaks generateContent. It signs the first call of every step, and
// wants each signature back on the call that it came with.
type gemini struct{}

// older reports a model that thinks by budget, demands no signatures and gives
// its calls no ids.
func (gemini) older(a *asked) bool { return strings.HasPrefix(a.Model, "gemini-2.5") }

var geminiPath = regexp.MustCompile(`^/v1beta/models/(gemini-[a-z0-9.-]+):(generateContent|streamGenerateContent)$`)

func (gemini) place(a *asked) error {
	m := geminiPath.FindStringSubmatch(a.Path)
	if m == nil {
		return fmt.Errorf("path %s", a.Path)
	}
	a.Model, a.Stream = m[1], m[2] == "streamGenerateContent"
	want := ""
	if a.Stream {
		want = "alt=sse"
	}
	if a.Query != want {
		return fmt.Errorf("query %q, want %q", a.Query, want)
	}
	return nil
}

func (gemini) key(h http.Header) string {
	if h.Get("Authorization") != "" {
		return "two keys"
	}
	return h.Get("X-Goog-Api-Key")
}

func (gemini) refuse(status int, message string) any {
	word := map[int]string{400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}[status]
	body := obj{"code": status, "message": message, "status": word}
	if status == http.StatusTooManyRequests {
		body["details"] = []obj{{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.5s"}}
	}
	return obj{"error": body}
}

func (p gemini) read(a *asked) error {
	if err := only("request", a.Raw, "contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent serviceTier"); err != nil {
		return err
	}
	if system, ok := a.Raw["systemInstruction"]; ok {
		if err := p.system(object(system)); err != nil {
			return err
		}
	}
	for _, step := range []func(*asked) error{p.tools, p.choice, p.generation, p.contents} {
		if err := step(a); err != nil {
			return err
		}
	}
	return nil
}

func (gemini) system(s map[string]any) error {
	if err := only("systemInstruction", s, "role parts"); err != nil {
		return err
	}
	if len(list(s, "parts")) == 0 {
		return errors.New("systemInstruction without parts")
	}
	for _, v := range list(s, "parts") {
		if text(object(v), "text") == "" || len(object(v)) != 1 {
			return fmt.Errorf("systemInstruction: %v", v)
		}
	}
	return nil
}

var functionName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$`)

// tools takes functions alone: the vendor's own tools do not go with them.
func (gemini) tools(a *asked) error {
	if v, given := a.Raw["tools"]; given && len(list(a.Raw, "tools")) == 0 {
		return fmt.Errorf("tools: %v", v)
	}
	for _, v := range list(a.Raw, "tools") {
		if err := only("tool", object(v), "functionDeclarations"); err != nil {
			return err
		}
		for _, v := range list(object(v), "functionDeclarations") {
			f := object(v)
			name := text(f, "name")
			if err := only("function", f, "name description parametersJsonSchema"); err != nil {
				return err
			}
			if _, twice := a.Tools[name]; twice || !functionName.MatchString(name) {
				return fmt.Errorf("function name %q, twice: %v", name, twice)
			}
			schema, given := f["parametersJsonSchema"]
			if given && text(object(schema), "type") != "object" {
				return fmt.Errorf("function %s: the schema is no object", name)
			}
			a.Tools[name] = tool{Arg: onlyArg(object(schema))}
		}
	}
	return nil
}

func (gemini) choice(a *asked) error {
	v, given := a.Raw["toolConfig"]
	if !given {
		return nil
	}
	calling := object(object(v)["functionCallingConfig"])
	if err := errors.Join(only("toolConfig", object(v), "functionCallingConfig"), only("functionCallingConfig", calling, "mode allowedFunctionNames")); err != nil {
		return err
	}
	mode, allowed := text(calling, "mode"), list(calling, "allowedFunctionNames")
	switch {
	case len(a.Tools) == 0:
		return errors.New("a functionCallingConfig without functions")
	case !slices.Contains([]string{"AUTO", "ANY", "NONE", "VALIDATED"}, mode):
		return fmt.Errorf("mode %q", mode)
	case len(allowed) > 0 && mode != "ANY" && mode != "VALIDATED":
		return fmt.Errorf("allowedFunctionNames with mode %s", mode)
	}
	for _, name := range allowed {
		if _, ok := a.Tools[fmt.Sprint(name)]; !ok {
			return fmt.Errorf("no function %v is declared", name)
		}
	}
	return nil
}

// mostOutput is what the models can say at most, in tokens.
const mostOutput = 65536

func (p gemini) generation(a *asked) error {
	c := object(a.Raw["generationConfig"])
	if err := only("generationConfig", c, "candidateCount stopSequences maxOutputTokens temperature topP topK seed presencePenalty frequencyPenalty "+
		"responseMimeType responseJsonSchema thinkingConfig"); err != nil {
		return err
	}
	if n, ok := c["maxOutputTokens"].(float64); ok && (n < 1 || n > mostOutput) {
		return fmt.Errorf("maxOutputTokens %v", n)
	}
	if t, ok := c["temperature"].(float64); ok && (t < 0 || t > 2) {
		return fmt.Errorf("temperature %v", t)
	}
	if n := len(list(c, "stopSequences")); n > 5 {
		return fmt.Errorf("%d stopSequences", n)
	}
	if text(c, "responseMimeType") == "application/json" && len(a.Tools) > 0 && p.older(a) {
		return errors.New("functions with a response mime type: 'application/json'")
	}
	if v, ok := c["thinkingConfig"]; ok {
		return p.thinking(a, object(v))
	}
	return nil
}

// thinking takes a budget or a level, as far as the model goes.
func (p gemini) thinking(a *asked, c map[string]any) error {
	if err := only("thinkingConfig", c, "includeThoughts thinkingBudget thinkingLevel"); err != nil {
		return err
	}
	budget, byBudget := c["thinkingBudget"].(float64)
	level, byLevel := c["thinkingLevel"].(string)
	pro := strings.Contains(a.Model, "-pro")
	least, most := 0.0, 24576.0
	if pro {
		least, most = 128, 32768
	}
	switch {
	case byBudget && byLevel:
		return errors.New("thinkingBudget and thinkingLevel")
	case byLevel && p.older(a):
		return fmt.Errorf("thinkingLevel for %s", a.Model)
	case byLevel && !slices.Contains([]string{"LOW", "MEDIUM", "HIGH"}, level) && (pro || level != "MINIMAL"):
		return fmt.Errorf("thinkingLevel %s for %s", level, a.Model)
	case byBudget && budget != -1 && (budget < least || budget > most):
		return fmt.Errorf("thinkingBudget %v for %s, which takes %v to %v", budget, a.Model, least, most)
	}
	return nil
}

// contents wants the roles by turns, and every call answered in the turn after
// it.
func (p gemini) contents(a *asked) error {
	contents := list(a.Raw, "contents")
	if len(contents) == 0 {
		return errors.New("no contents")
	}
	var open []call
	for i, v := range contents {
		c := object(v)
		if err := only("content", c, "role parts"); err != nil {
			return err
		}
		if role, want := text(c, "role"), []string{"user", "model"}[i%2]; role != want {
			return fmt.Errorf("content %d has role %q, want %s", i, role, want)
		}
		calls, results, err := p.turn(a, c)
		if err == nil && (len(open) > 0 || len(results) > 0) {
			r := round{open, results}
			a.Rounds, err = append(a.Rounds, r), p.answered(r)
		}
		if err != nil {
			return fmt.Errorf("content %d: %w", i, err)
		}
		open = calls
	}
	if len(open) > 0 {
		return errors.New("the last calls have no results")
	}
	return nil
}

// answered wants results in the order of their calls, with their ids and names.
func (gemini) answered(r round) error {
	if len(r.Results) != len(r.Calls) {
		return fmt.Errorf("%d functionResponse parts for %d functionCall parts", len(r.Results), len(r.Calls))
	}
	for i, c := range r.Calls {
		if got := r.Results[i].CallID; got != c.Name+" "+c.ID {
			return fmt.Errorf("result %d is that of %s, want %s %s", i, got, c.Name, c.ID)
		}
	}
	return nil
}

// turn reads the parts of one content.
func (p gemini) turn(a *asked, c map[string]any) (calls []call, results []result, err error) {
	model := text(c, "role") == "model"
	if len(list(c, "parts")) == 0 {
		return nil, nil, errors.New("no parts")
	}
	for _, v := range list(c, "parts") {
		part := object(v)
		signature, signed := part["thoughtSignature"].(string)
		if err := p.part(part, model, signed); err != nil {
			return nil, nil, err
		}
		switch {
		case part["functionCall"] != nil:
			f := object(part["functionCall"])
			args, err := json.Marshal(f["args"])
			if err != nil {
				return nil, nil, err
			}
			if err := p.signedCall(a, f, signature, len(calls) == 0); err != nil {
				return nil, nil, err
			}
			calls = append(calls, call{ID: text(f, "id"), Name: text(f, "name"), Input: string(args)})
		case part["functionResponse"] != nil:
			r, err := p.result(object(part["functionResponse"]))
			if err != nil {
				return nil, nil, err
			}
			results = append(results, r)
		case part["inlineData"] != nil && len(results) > 0:
			results[len(results)-1].Media++
		}
	}
	return calls, results, nil
}

// part checks a part by itself.
func (p gemini) part(part map[string]any, model, signed bool) error {
	kinds := 0
	for _, name := range []string{"text", "inlineData", "functionCall", "functionResponse"} {
		if _, ok := part[name]; ok {
			kinds++
		}
	}
	own := "inlineData functionResponse"
	if model {
		own = "functionCall thought thoughtSignature"
	}
	if err := only("part", part, "text "+own); err != nil {
		return err
	}
	said, isText := part["text"].(string)
	switch {
	case kinds != 1:
		return fmt.Errorf("a part of %d kinds: %v", kinds, part)
	case isText && said == "" && !signed:
		return errors.New("an empty text")
	case isText && signed:
		return fmt.Errorf("a signature of a call beside the text %q", said)
	case part["inlineData"] != nil:
		return p.blob(object(part["inlineData"]))
	}
	return nil
}

func (gemini) blob(b map[string]any) error {
	if err := only("inlineData", b, "mimeType data"); err != nil {
		return err
	}
	if raw, err := base64.StdEncoding.DecodeString(text(b, "data")); err != nil || len(raw) == 0 || text(b, "mimeType") == "" {
		return fmt.Errorf("inlineData of %q: %d bytes, %w", text(b, "mimeType"), len(raw), err)
	}
	return nil
}

func (p gemini) result(f map[string]any) (result, error) {
	r := result{CallID: text(f, "name") + " " + text(f, "id")}
	if err := only("functionResponse", f, "id name response parts"); err != nil {
		return r, err
	}
	response, ok := f["response"].(map[string]any)
	if !ok {
		return r, fmt.Errorf("the response of %s is no object", r.CallID)
	}
	r.Text = text(response, "output") + text(response, "error")
	for _, v := range list(f, "parts") {
		if err := only("part of a response", object(v), "inlineData"); err != nil {
			return r, err
		}
		if err := p.blob(object(object(v)["inlineData"])); err != nil {
			return r, err
		}
		r.Media++
	}
	return r, nil
}

// id is how newer models name a call; the signature of a call holds it.
func (gemini) id(number, i int) string { return fmt.Sprintf("c%dn%d", number, i) }

// signature is bytes that are neither text nor the same in all kinds of base64.
func (gemini) signature(name string) string {
	return base64.StdEncoding.EncodeToString([]byte("\xfb\xff\xbe" + name))
}

// signedCall checks that a call has the signature it came with, byte for byte.
func (p gemini) signedCall(a *asked, f map[string]any, signature string, first bool) error {
	name, id := text(f, "name"), text(f, "id")
	if err := only("functionCall", f, "id name args"); err != nil {
		return err
	}
	if _, ok := f["args"].(map[string]any); !ok {
		return fmt.Errorf("the args of %s are no object", name)
	}
	want := ""
	switch {
	case first && p.older(a):
		want = p.signature(name)
	case first:
		want = p.signature(name + " " + id)
	}
	if signature != want {
		return fmt.Errorf("functionCall %s %s is signed %q, want %q", name, id, signature, want)
	}
	return nil
}

// parts is what an answer says, in pieces.
func (p gemini) parts(a *asked, r reply) (parts []obj) {
	config := object(object(a.Raw["generationConfig"])["thinkingConfig"])
	if r.Thought != "" && config["includeThoughts"] == true {
		for _, s := range halves(r.Thought) {
			parts = append(parts, obj{"text": s, "thought": true})
		}
	}
	if r.Text != "" {
		for _, s := range halves(r.Text) {
			parts = append(parts, obj{"text": s})
		}
	}
	for i, c := range r.Calls {
		f := obj{"name": c.Name, "args": json.RawMessage(c.Input)}
		signed := c.Name
		if !p.older(a) {
			f["id"] = p.id(a.Number, i)
			signed += " " + p.id(a.Number, i)
		}
		part := obj{"functionCall": f}
		if i == 0 {
			part["thoughtSignature"] = p.signature(signed)
		}
		parts = append(parts, part)
	}
	return parts
}

func (gemini) envelope(a *asked, parts []obj, last bool) obj {
	candidate := obj{"content": obj{"parts": parts, "role": "model"}, "index": 0}
	usage := obj{"promptTokenCount": 1000, "totalTokenCount": 1000}
	if last {
		candidate["finishReason"] = "STOP"
		usage = obj{"promptTokenCount": 1000, "cachedContentTokenCount": 200, "candidatesTokenCount": 40, "thoughtsTokenCount": 10, "totalTokenCount": 1050}
	}
	return obj{"candidates": []obj{candidate}, "usageMetadata": usage, "modelVersion": a.Model, "responseId": fmt.Sprintf("resp%d", a.Number)}
}

func (p gemini) whole(a *asked, r reply) any { return p.envelope(a, p.parts(a, r), true) }

func (p gemini) stream(a *asked, r reply) (frames []string) {
	for _, part := range p.parts(a, r) {
		frames = append(frames, data(p.envelope(a, []obj{part}, false)))
	}
	end := obj{"text": ""}
	if len(r.Calls) == 0 && !p.older(a) {
		end["thoughtSignature"] = p.signature("the answer")
	}
	return append(frames, data(p.envelope(a, []obj{end}, true)))
}
