package sdk_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/conversations"
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

// TestGoClientWithAStatelessServer does the same with a model whose server
// speaks Responses and keeps nothing.
func TestGoClientWithAStatelessServer(t *testing.T) {
	d, _ := start(t)
	ctx := context.Background()
	client := openai.NewClient(option.WithBaseURL(d.URL+"/v1"), option.WithAPIKey(daemon.Key), option.WithMaxRetries(0))
	ask := responses.ResponseNewParams{Model: "loopback", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("one")}}
	first, err := client.Responses.New(ctx, ask)
	if err != nil {
		t.Fatal(err)
	}
	ask.PreviousResponseID, ask.Background = openai.String(first.ID), openai.Bool(true)
	second, err := client.Responses.New(ctx, ask)
	for deadline := time.Now().Add(10 * time.Second); err == nil && second.Status != "completed" && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
		second, err = client.Responses.Get(ctx, second.ID, responses.ResponseGetParams{})
	}
	if err != nil || second.OutputText() != "[loopback] one" {
		t.Fatalf("%v, %v", second, err)
	}
	ask.Background = openai.Bool(false)
	stream := client.Responses.NewStreaming(ctx, ask)
	var last responses.Response
	for stream.Next() {
		last = stream.Current().Response
	}
	if again, err := client.Responses.Get(ctx, last.ID, responses.ResponseGetParams{}); err != nil || again.OutputText() != "[loopback] one" {
		t.Errorf("read again: %v, %v, %v", again, err, stream.Err())
	}
}

// TestGoClientWithAConversation makes one, has an answer added to it, reads it
// and takes it down.
func TestGoClientWithAConversation(t *testing.T) {
	d, _ := start(t)
	ctx := context.Background()
	client := openai.NewClient(option.WithBaseURL(d.URL+"/v1"), option.WithAPIKey(daemon.Key), option.WithMaxRetries(0))
	made, err := client.Conversations.New(ctx, conversations.ConversationNewParams{
		Metadata: map[string]string{"topic": "demo"},
		Items: []responses.ResponseInputItemUnionParam{
			responses.ResponseInputItemParamOfMessage("Hello", responses.EasyInputMessageRoleUser),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Responses.New(ctx, responses.ResponseNewParams{
		Model: "messages-case-01-plain", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("And now?")},
		Conversation: responses.ResponseNewParamsConversationUnion{OfString: openai.String(made.ID)},
	})
	if err != nil || answer.Conversation.ID != made.ID {
		t.Fatalf("%v, in conversation %q", err, answer.Conversation.ID)
	}
	pages := client.Conversations.Items.ListAutoPaging(ctx, made.ID, conversations.ItemListParams{
		Limit: openai.Int(1), Order: conversations.ItemListParamsOrderAsc,
	})
	var said []string
	for pages.Next() {
		said = append(said, pages.Current().Role+" "+pages.Current().Content.OfMessageContentArray[0].Text)
	}
	if err := pages.Err(); err != nil || len(said) != 3 || said[0] != "user Hello" || said[1] != "user And now?" || said[2] != "assistant "+plain {
		t.Errorf("it holds %q, %v", said, err)
	}
	added, err := client.Conversations.Items.New(ctx, made.ID, conversations.ItemNewParams{Items: []responses.ResponseInputItemUnionParam{
		responses.ResponseInputItemParamOfMessage("More", responses.EasyInputMessageRoleUser),
	}})
	if err != nil || len(added.Data) != 1 {
		t.Fatalf("added %v, %v", added, err)
	}
	item, err := client.Conversations.Items.Get(ctx, made.ID, added.FirstID, conversations.ItemGetParams{})
	if err != nil || item.Content.OfMessageContentArray[0].Text != "More" {
		t.Errorf("an item: %v, %v", item, err)
	}
	if _, err := client.Conversations.Items.Delete(ctx, made.ID, added.FirstID); err != nil {
		t.Error(err)
	}
	changed, err := client.Conversations.Update(ctx, made.ID, conversations.ConversationUpdateParams{Metadata: map[string]string{"topic": "other"}})
	if err != nil || changed.CreatedAt != made.CreatedAt {
		t.Errorf("changed to %v, %v", changed, err)
	}
	if gone, err := client.Conversations.Delete(ctx, made.ID); err != nil || !gone.Deleted {
		t.Errorf("deleted: %v, %v", gone, err)
	}
	var refused *openai.Error
	if _, err := client.Conversations.Get(ctx, made.ID); !errors.As(err, &refused) || refused.StatusCode != 404 {
		t.Errorf("read when deleted: %v", err)
	}
}

// TestGoClientInTheBackground has an answer made, waits for it and reads its
// stream again from the middle.
func TestGoClientInTheBackground(t *testing.T) {
	d, _ := start(t)
	ctx := context.Background()
	client := openai.NewClient(option.WithBaseURL(d.URL+"/v1"), option.WithAPIKey(daemon.Key), option.WithMaxRetries(0))
	ask := responses.ResponseNewParams{
		Model: "messages-case-01-plain", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Hello")},
		Background: openai.Bool(true),
	}
	made, err := client.Responses.New(ctx, ask)
	if err != nil || made.Status != responses.ResponseStatusQueued || !made.Background {
		t.Fatalf("begun as %v, %v", made, err)
	}
	for made.Status == responses.ResponseStatusQueued || made.Status == responses.ResponseStatusInProgress {
		time.Sleep(10 * time.Millisecond)
		if made, err = client.Responses.Get(ctx, made.ID, responses.ResponseGetParams{}); err != nil {
			t.Fatal(err)
		}
	}
	if made.Status != responses.ResponseStatusCompleted || made.OutputText() != plain {
		t.Errorf("it ended %s with %q", made.Status, made.OutputText())
	}
	stream := client.Responses.NewStreaming(ctx, ask)
	var numbers []int64
	var id string
	for stream.Next() {
		ev := stream.Current()
		if numbers = append(numbers, ev.SequenceNumber); ev.Response.ID != "" {
			id = ev.Response.ID
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	again := client.Responses.GetStreaming(ctx, id, responses.ResponseGetParams{StartingAfter: openai.Int(3)},
		option.WithQuery("stream", "true")) // this client says it in a body only
	next := int64(4)
	var last responses.Response
	for again.Next() {
		if n := again.Current().SequenceNumber; n != next {
			t.Errorf("event %d comes when %d is due", n, next)
		}
		next, last = next+1, again.Current().Response
	}
	if err := again.Err(); err != nil || next != int64(len(numbers)) || last.OutputText() != plain {
		t.Errorf("taken up again it has events up to %d of %d and says %q, %v", next, len(numbers), last.OutputText(), err)
	}
	if cancelled, err := client.Responses.Cancel(ctx, id); err != nil || cancelled.Status != responses.ResponseStatusCompleted {
		t.Errorf("cancelled after its end: %v", err)
	}
}
