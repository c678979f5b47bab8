package store

import (
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/pgtest"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

func benchmarkBoth(b *testing.B, run func(b *testing.B, s *Store)) {
	b.Run("sqlite", func(b *testing.B) {
		run(b, migrated(b, opened(b, Options{DataDir: b.TempDir()})))
	})
	b.Run("postgres", func(b *testing.B) {
		server := pgtest.Start(b, pgtest.Durable())
		run(b, migrated(b, opened(b, Options{URL: secret.New(server.URL)})))
	})
}

func BenchmarkApply500(b *testing.B) {
	benchmarkBoth(b, func(b *testing.B, s *Store) {
		batch := random(rand.New(rand.NewPCG(8, 9)), 500)
		for b.Loop() {
			b.StopTimer()
			for i := range batch {
				batch[i].RequestID = uuid.Must(uuid.NewV7()).String()
			}
			b.StartTimer()
			if n, err := s.Apply(b.Context(), batch); n != len(batch) || err != nil {
				b.Fatal(n, err)
			}
		}
		b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "rows/s")
	})
}

func BenchmarkSums20k(b *testing.B) {
	benchmarkBoth(b, func(b *testing.B, s *Store) {
		for i := range 40 {
			if _, err := s.Apply(b.Context(), random(rand.New(rand.NewPCG(8, uint64(i))), 500)); err != nil {
				b.Fatal(err)
			}
		}
		for b.Loop() {
			_, err := s.Sums(b.Context(), ledger.Filter{}, []ledger.Dimension{ledger.ByDay, ledger.ByModel})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
