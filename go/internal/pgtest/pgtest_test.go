package pgtest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tokligence/tokligence-gateway/go/internal/pgtest"
)

func TestServerStopsAndComesBackWithItsData(t *testing.T) {
	s := pgtest.Start(t, pgtest.Durable())
	ctx := context.Background()
	query := func(sql string) error {
		conn, err := pgx.Connect(ctx, s.URL)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }()
		_, err = conn.Exec(ctx, sql)
		return err
	}
	if err := query("CREATE TABLE kept (id int)"); err != nil {
		t.Fatal(err)
	}
	s.Stop(pgtest.Immediate)
	if err := query("SELECT 1"); err == nil {
		t.Fatal("a stopped server answers")
	}
	s.Start()
	if err := query("SELECT * FROM kept"); err != nil {
		t.Fatal(err)
	}
}

func TestEachTestHasItsOwnDatabase(t *testing.T) {
	if a, b := pgtest.Database(t), pgtest.Database(t); a == b {
		t.Errorf("twice %s", a)
	}
}
