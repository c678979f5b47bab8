package llm

import (
	"errors"
	"io"
	"testing"
)

func TestErrorAndItsCause(t *testing.T) {
	for _, tt := range []struct {
		err  Error
		want string
	}{
		{Error{Message: "The upstream is away."}, "The upstream is away."},
		{Error{Message: "The upstream is away.", Err: io.EOF}, "The upstream is away: EOF"},
		{Error{Message: "there is no key", Err: io.EOF}, "there is no key: EOF"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
		if tt.err.Err != nil && !errors.Is(&tt.err, io.EOF) {
			t.Errorf("%q hides its cause", tt.want)
		}
	}
}
