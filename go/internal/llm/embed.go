package llm

// EmbedRequest asks for one vector per input. Nil means not said.
type EmbedRequest struct {
	Inputs     []string
	Dimensions *int
	EndUser    string
	Task       string   // what the vectors are for, in the client's word
	Titles     []string // of the inputs, "" for none; nil where none has one
}

// Vectors answer an EmbedRequest.
type Vectors struct {
	Model string
	List  [][]byte // JSON arrays of numbers, as received, in the order of the inputs
	Usage Usage
}
