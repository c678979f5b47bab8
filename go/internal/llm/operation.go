package llm

// Operation is what a client asks for, whatever the protocol.
type Operation string

// The operations.
const (
	Generate    Operation = "generate"
	CountTokens Operation = "count_tokens"
	Embed       Operation = "embed"
	ListModels  Operation = "list_models"
	Compact     Operation = "compact" // a conversation into fewer words
)

// The operations that are only passed on.
const (
	Complete       Operation = "complete" // text after a prompt, without turns
	Moderate       Operation = "moderate"
	GenerateImage  Operation = "generate_image"
	EditImage      Operation = "edit_image"
	VaryImage      Operation = "vary_image"
	Speak          Operation = "speak"
	Transcribe     Operation = "transcribe"
	TranslateAudio Operation = "translate_audio"
	Rerank         Operation = "rerank"
	Files          Operation = "files"
	Batches        Operation = "batches"
	Recall         Operation = "recall" // what is done with an answer that a provider keeps
)

// Untold lists the operations whose cost may not show in tokens: an image, a
// minute of sound, a search unit. Files
// and looks at kept answers cost nothing by themselves.
func Untold() []Operation {
	return []Operation{Moderate, GenerateImage, EditImage, VaryImage, Speak, Transcribe, TranslateAudio, Rerank, Batches}
}

// Textual reports whether what an operation uses can be guessed from its text.
// Of others only a report tells.
func (o Operation) Textual() bool {
	switch o {
	case Generate, Embed, Complete, Compact, "":
		return true
	default:
		return false
	}
}
