//go:build !unix

package ledger_test

import "time"

func processor() time.Duration { return 0 }
