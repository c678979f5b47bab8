package proxy

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/guard"
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

// look counts how often the client's agent has repeated itself. A model that
// is to be told finds the words at the end of its history.
func (p *Proxy) look(c *Call, policy *Policy, plan []route.Candidate) (guard.Run, error) {
	at := c.Head.HistoryAt
	if c.Head.Operation != llm.Generate || c.Head.Compaction != protocol.NoCompaction || c.Principal.MayLoop || at.Empty() {
		return guard.Run{}, nil
	}
	name := c.Codec.Name()
	history := c.Body[at.Start:at.End]
	run := policy.Loop.Look(name, history)
	if run.Action == guard.Pass {
		return run, nil
	}
	if run.Action == guard.Tell {
		words, ok := guard.Telling(name, history, run.Warning(), slices.ContainsFunc(plan, speaksChat))
		if !ok {
			return guard.Run{}, nil
		}
		if err := c.insert(at.Start+words.At, words.Text); err != nil {
			return run, err
		}
	}
	p.observer.Looped(run.Action)
	p.log.LogAttrs(context.Background(), slog.LevelWarn, "an agent repeats itself",
		slog.String("request_id", c.ID), slog.String("action", string(run.Action)), slog.String("tool", run.Tool),
		slog.Int("times", run.Times), slog.String("model", c.Head.Model), slog.String("key", c.Principal.KeyName))
	return run, nil
}

func speaksChat(c route.Candidate) bool { return c.Protocol == llm.Chat }

// insert puts text into the body, which lies elsewhere then: what was received
// is not modified. What was known of places in the body is read anew.
func (c *Call) insert(at int, text []byte) error {
	body := bytes.Join(protocol.Splice(c.Body, protocol.Edit{At: protocol.Span{Start: at, End: at}, With: text}), nil)
	head, err := c.Codec.Peek(c.Head.Operation, body)
	if err != nil {
		return err
	}
	c.Body = body
	c.Head.ModelAt, c.Head.OptionsAt, c.Head.HistoryAt = head.ModelAt, head.OptionsAt, head.HistoryAt
	return nil
}

// endTurn answers in the place of a model: the turn is over. No upstream is
// asked and nothing is used; the row of the call says so.
func (p *Proxy) endTurn(ans *answer, c *Call, rec *ledger.Record, run guard.Run) error {
	defer ans.close()
	out, err := c.words(run.Ending())
	if err != nil {
		return err
	}
	none := llm.Known(0)
	err = rec.Settle(context.Background(), ledger.Attempt{
		Usage: llm.Usage{Input: none, Output: none, Source: llm.Counted}, Stop: llm.Stop{Reason: llm.StopEnd}, Outcome: ledger.LoopEnded,
		Started: c.Started, Total: time.Since(c.Started), BytesOut: int64(len(out)),
	})
	if err != nil {
		return err
	}
	h := http.Header{"Content-Type": {"application/json"}, "X-Tokligence-Loop": {string(run.Action)}}
	if c.Head.Stream {
		h["Content-Type"], h["Cache-Control"] = []string{streamType(c.Head)}, []string{"no-cache"}
	} else {
		contentLength(h, len(out))
	}
	if c.Keep != nil {
		c.Keep(out)
	}
	c.ended(out)
	ans.prepare(http.StatusOK, h)
	_, _ = ans.Write(out)
	ans.flush()
	return nil
}

// words makes a whole answer of a text, in the client's protocol.
func (c *Call) words(text string) (out []byte, err error) {
	head := c.Head
	head.Body = c.Body
	head.EstimatedInput = 0 // nothing is used
	w := c.Codec.NewWriter(head)
	none := llm.Known(0)
	for _, ev := range [...]llm.Event{
		{Type: llm.Start, Meta: &llm.Meta{Model: c.Head.Model, Created: time.Now()}},
		{Type: llm.BlockStart, Block: llm.Text{}},
		{Type: llm.BlockDelta, Delta: jsonscan.AppendEscaped(nil, text)},
		{Type: llm.BlockEnd},
		{Type: llm.Metered, Usage: &llm.Usage{Input: none, Output: none, Source: llm.Counted}},
		{Type: llm.Finish, Stop: llm.Stop{Reason: llm.StopEnd}},
	} {
		if out, err = w.Append(out, ev); err != nil {
			return nil, err
		}
	}
	return out, nil
}
