package ledger_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger/ledgertest"
)

// dropping is a store that costs nothing.
type dropping struct{ ledgertest.Store }

func (*dropping) Apply(_ context.Context, batch []ledger.Entry) (int, error) { return len(batch), nil }

// BenchmarkCall records whole calls: Open, Settle, and the reading back on the
// way to the store.
func BenchmarkCall(b *testing.B) {
	for _, parallel := range []int{1, 32} {
		b.Run(fmt.Sprint("callers=", parallel), func(b *testing.B) {
			l := ledger.New(ledger.Options{Dir: b.TempDir(), Store: &dropping{}, Pricer: price{}, MaxBytes: 8 << 30})
			if err := l.Start(b.Context()); err != nil {
				b.Fatal(err)
			}
			o, a := openingOf("0193a3b0-0000-7000-8000-000000000001"), attemptOf(0, ledger.Complete)
			b.SetParallelism(parallel)
			b.ReportAllocs()
			cpu := processor()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r, err := l.Open(context.Background(), o)
					if err == nil {
						err = r.Settle(context.Background(), a)
					}
					if err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64((processor()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
			b.StopTimer()
			if err := l.Stop(context.Background()); err != nil {
				b.Error(err)
			}
		})
	}
}
