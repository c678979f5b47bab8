package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

const testChain = "20260102T030405-abcdefghij"

// lay writes a folder with segments of the given numbers of records.
func lay(t testing.TB, root string, perSegment ...int) (dir string, all []string) {
	t.Helper()
	dir = filepath.Join(root, testChain)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	number := uint64(0)
	for i, n := range perSegment {
		b := appendHeader(nil, testChain, i+1)
		for range n {
			number++
			payload := fmt.Sprintf("record %d%s", number, bytes.Repeat([]byte{'.'}, int(number%5)))
			all = append(all, payload)
			b = appendFrame(b, salt(testChain), number, text(payload))
		}
		if err := os.WriteFile(segPath(dir, i+1), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, all
}

func readFinal(t testing.TB, root string) (got []string, damage []Damage) {
	t.Helper()
	c := NewCursor(root, testChain, 1, func(d Damage) { damage = append(damage, d) })
	c.Final()
	got = read(t, c)
	return got, damage
}

func TestATornTailCostsOnlyTheTornRecord(t *testing.T) {
	root := t.TempDir()
	dir, all := lay(t, root, 3, 4)
	last, err := os.ReadFile(segPath(dir, 2))
	if err != nil {
		t.Fatal(err)
	}
	for _, pad := range []int{0, 100} { // a lost tail may read as zeros
		for cut := len(last); cut >= 0; cut-- {
			if err := os.WriteFile(segPath(dir, 2), append(last[:cut:cut], make([]byte, pad)...), 0o600); err != nil {
				t.Fatal(err)
			}
			want := 3
			for end := headerSize; end < cut; want++ {
				_, n, v := parseFrame(last[end:], salt(testChain))
				if v != whole || end+n > cut {
					break
				}
				end += n
			}
			got, damage := readFinal(t, root)
			if fmt.Sprint(got) != fmt.Sprint(all[:want]) || len(damage) != 0 {
				t.Fatalf("cut at %d, padded by %d: read %q, damage %v, want %d records", cut, pad, got, damage, want)
			}
		}
	}
}

func TestDamageInTheMiddleIsNamedAndSkipped(t *testing.T) {
	root := t.TempDir()
	dir, all := lay(t, root, 5, 5, 5)
	path := segPath(dir, 2)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range good {
		b := bytes.Clone(good)
		b[at] ^= 0x5a
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, damage := readFinal(t, root)
		if at < headerSize { // a head tells nothing that is needed
			if len(got) != 15 {
				t.Fatalf("byte %d of the head changed: read %d records", at, len(got))
			}
			continue
		}
		if len(got) != 14 || len(damage) != 1 || damage[0].From != damage[0].To {
			t.Fatalf("byte %d changed: read %d records, damage %v", at, len(got), damage)
		}
		lost := int(damage[0].From) - 1
		if want := append(append([]string{}, all[:lost]...), all[lost+1:]...); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("byte %d changed: lost more than record %d", at, lost+1)
		}
	}
}

func TestAMissingSegmentIsDamage(t *testing.T) {
	for _, missing := range []int{1, 2} {
		root := t.TempDir()
		dir, _ := lay(t, root, 2, 3, 2)
		if err := os.Remove(segPath(dir, missing)); err != nil {
			t.Fatal(err)
		}
		got, damage := readFinal(t, root)
		if len(damage) != 1 || len(got)+int(damage[0].To-damage[0].From)+1 != 7 {
			t.Errorf("without segment %d: %d records, damage %v", missing, len(got), damage)
		}
	}
}

func TestRecordsWrittenAgainAreReadOnce(t *testing.T) {
	root := t.TempDir()
	dir, all := lay(t, root, 6)
	b := appendHeader(nil, testChain, 2)
	for i := 3; i < 6; i++ {
		b = appendFrame(b, salt(testChain), uint64(i+1), text(all[i]))
	}
	b = appendFrame(b, salt(testChain), 7, text("seven"))
	if err := os.WriteFile(segPath(dir, 2), b, 0o600); err != nil {
		t.Fatal(err)
	}
	got, damage := readFinal(t, root)
	if fmt.Sprint(got) != fmt.Sprint(append(all, "seven")) || damage != nil {
		t.Errorf("read %q, damage %v", got, damage)
	}
}

func TestASegmentOfANewerProgramIsLeftAlone(t *testing.T) {
	root := t.TempDir()
	dir, _ := lay(t, root, 2)
	b, err := os.ReadFile(segPath(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	b[len(magic)] = version + 1
	sum := appendHeader(nil, testChain, 1)
	sum[len(magic)] = version + 1
	copy(b[headerSize-4:], checksumOf(sum))
	if err := os.WriteFile(segPath(dir, 1), b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = NewCursor(root, testChain, 1, nil).Next()
	if !errors.Is(err, ErrNewer) {
		t.Errorf("got %v", err)
	}
}

func TestRandomDamageNeverInventsARecord(t *testing.T) {
	root := t.TempDir()
	dir, all := lay(t, root, 40, 40, 40)
	known := map[string]bool{}
	for _, r := range all {
		known[r] = true
	}
	r := rand.New(rand.NewPCG(1, 2))
	var clean [3][]byte
	for i := range clean {
		clean[i], _ = os.ReadFile(segPath(dir, i+1))
	}
	for range 300 {
		i := r.IntN(3)
		b := bytes.Clone(clean[i])
		for range 1 + r.IntN(5) {
			from := r.IntN(len(b))
			to := min(len(b), from+1+r.IntN(200))
			for k := from; k < to; k++ {
				b[k] = byte(r.Uint32())
			}
		}
		if r.IntN(4) == 0 {
			b = b[:r.IntN(len(b))]
		}
		if err := os.WriteFile(segPath(dir, i+1), b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, damage := readFinal(t, root)
		lost := 0
		for _, d := range damage {
			lost += int(d.To-d.From) + 1
		}
		for _, g := range got {
			if !known[g] {
				t.Fatalf("%q was never written", g)
			}
		}
		if i < 2 && len(got)+lost != len(all) {
			t.Fatalf("%d read, %d lost, of %d", len(got), lost, len(all))
		}
		if err := os.WriteFile(segPath(dir, i+1), clean[i], 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	root := f.TempDir()
	dir, _ := lay(f, root, 4, 3)
	for i := range 2 {
		b, err := os.ReadFile(segPath(dir, i+1))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-3])
	}
	if err := os.Remove(segPath(dir, 2)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(segPath(dir, 1), b, 0o600); err != nil {
			t.Fatal(err)
		}
		c := NewCursor(root, testChain, 0, nil)
		defer c.Close()
		c.Final()
		last := uint64(0)
		for {
			rec, err := c.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, ErrNewer) {
					t.Fatal(err)
				}
				return
			}
			if rec.Number <= last || len(rec.Payload) > MaxPayload {
				t.Fatalf("record %d after %d, %d bytes", rec.Number, last, len(rec.Payload))
			}
			last = rec.Number
		}
	})
}
