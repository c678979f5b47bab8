//go:build !unix

package journal

import "time"

func processor() time.Duration { return 0 }
