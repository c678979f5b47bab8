package sdk_test

import (
	"context"
	"errors"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// TestGoClientWithState goes on from an answer, reads it, its input, and
// deletes it, with a provider that does not speak Responses itself.
func TestGoClientWithState(t *testing.T) {
	d, _ := start(t)
	ctx := context.Background()
	client := openai.NewClient(option.WithBaseURL(d.URL+"/v1"), option.WithAPIKey(daemon.Key), option.WithMaxRetries(0))
	ask := responses.ResponseNewParams{
		Model: "messages-case-01-plain", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Hello")},
		Instructions: openai.String("Be brief."),
	}
	first, err := client.Responses.New(ctx, ask)
	if err != nil {
		t.Fatal(err)
	}
	if first.Instructions.OfString != "Be brief." {
		t.Errorf("instructions are %q", first.Instructions.OfString)
	}
	ask.PreviousResponseID = openai.String(first.ID)
	stream := client.Responses.NewStreaming(ctx, ask)
	var last responses.Response
	for stream.Next() {
		last = stream.Current().Response
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if last.PreviousResponseID != first.ID || last.OutputText() != plain {
		t.Errorf("the second answer goes on from %q and says %q", last.PreviousResponseID, last.OutputText())
	}
	again, err := client.Responses.Get(ctx, last.ID, responses.ResponseGetParams{})
	if err != nil || again.OutputText() != plain {
		t.Errorf("read again: %v, %v", again, err)
	}
	items, err := client.Responses.InputItems.List(ctx, last.ID, responses.InputItemListParams{})
	if err != nil || len(items.Data) != 1 || items.Data[0].Content.OfInputItemContentList[0].Text != "Hello" {
		t.Errorf("input items: %v, %v", items, err)
	}
	if err := client.Responses.Delete(ctx, first.ID); err != nil {
		t.Error(err)
	}
	var refused *openai.Error
	if _, err := client.Responses.New(ctx, ask); !errors.As(err, &refused) || refused.Code != "previous_response_not_found" {
		t.Errorf("going on from what was deleted: %v", err)
	}
}
