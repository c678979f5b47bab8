package llm

// Finding reports a field that the target cannot carry as it is.
type Finding struct {
	Class  FindingClass
	Field  string // JSON path in the client's request
	Reason string // a short token such as unsupported or clamped
}

// FindingClass says how much a finding matters.
type FindingClass uint8

// The classes of finding.
const (
	Approximated FindingClass = iota + 1 // carried with a change: warn
	Dropped                              // no effect on the meaning: warn
	Lost                                 // changes the meaning: reported, refused in strict mode
)

// String returns the word used on the wire.
func (c FindingClass) String() string {
	switch c {
	case Approximated:
		return "approx"
	case Dropped:
		return "void"
	default:
		return "loss"
	}
}

// String returns the form of the x-tokligence-loss header.
func (f Finding) String() string {
	return f.Class.String() + "; field=" + f.Field + "; reason=" + f.Reason
}
