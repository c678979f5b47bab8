package ledger

import "context"

type Record struct{}

func (*Record) Settle(context.Context, Attempt) error { return nil }
