package proxy

import (
	"cmp"
	"io"
	"net"
	"net/http"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
)

// encodeEmbed prepares a translated request for embeddings.
func (t *try) encodeEmbed() (*provider.Request, error) {
	from, ok := t.call.Codec.(protocol.Embedder)
	to, able := t.proxy.codecs[t.cand.Protocol].(protocol.Embedder)
	if !ok || !able {
		return nil, llm.Errorf(llm.Internal, "embeddings of %s cannot be had in %s", t.call.Codec.Name(), t.cand.Protocol)
	}
	asked, err := from.DecodeEmbed(t.call.Body)
	if err != nil {
		return nil, err
	}
	t.inputs = len(asked.Inputs)
	body, findings, err := to.EncodeEmbed(asked, t.cand.Target)
	if err != nil {
		return nil, err
	}
	if err := t.found(findings); err != nil {
		return nil, err
	}
	req := t.request(net.Buffers{body})
	req.Batch = true
	return req, nil
}

// relayVectors answers with what an upstream of another protocol embedded.
func (t *try) relayVectors(body io.Reader, header http.Header) *llm.Error {
	whole, failure := t.readWhole(body, header)
	if failure != nil {
		return failure
	}
	from, _ := t.proxy.codecs[t.cand.Protocol].(protocol.Embedder) // it has written the request
	to, _ := t.call.Codec.(protocol.Embedder)
	v, err := from.DecodeVectors(whole)
	if err != nil {
		return t.blame(llm.AsError(err))
	}
	if len(v.List) != t.inputs {
		return t.blame(llm.Errorf(llm.BadUpstream, "The upstream %s made %d embeddings of %d inputs.", t.row.Provider, len(v.List), t.inputs))
	}
	t.first()
	t.served(llm.Meta{Model: v.Model})
	t.row.Usage.Merge(&v.Usage)
	t.row.Stop.Reason = llm.StopEnd
	v.Model = cmp.Or(v.Model, t.cand.Target.Model)
	answer := to.EncodeVectors(v, t.call.Head)
	if failure := t.settle(len(answer)); failure != nil {
		return failure
	}
	h := t.reply(header, "application/json")
	contentLength(h, len(answer))
	t.ans.prepare(http.StatusOK, h)
	_, _ = t.ans.Write(answer)
	return nil
}
