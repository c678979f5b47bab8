package api

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

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
	return d.models.Callable(c.Request.Context(), who, keep), nil
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
